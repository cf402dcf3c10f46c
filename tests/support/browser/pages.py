"""One address for each kind of page: what holds for all is asked of these."""

DOCS = [
    "/docs/",
    "/docs/endpoints/",
    "/docs/jobs/",
    "/docs/errors/",
    "/docs/clients/",
    "/docs/versions/",
]
# Those that anybody can open.
PAGES = [
    "/",
    "/models/",
    "/models/?q=zzzzzz",
    "/models/?q=vit&sort=compute",
    "/models/?x=price&y=mean&m=openai/clip-vit-base-patch32&m=openai/clip-vit-large-patch14",
    "/models/zero-shot-image/?family=SigLIP",
    "/models/openai/clip-vit-large-patch14/",
    "/models/gigarouter/conse-demo/",
    "/models/timm/ViT-SO400M-14-SigLIP2/",
    "/compare/",
    "/compare/?q=siglip&m=openai/clip-vit-large-patch14",
    "/compare/?m=openai/clip-vit-large-patch14&m=openai/clip-vit-base-patch32",
    "/compare/?m=apple/DFN5B-CLIP-ViT-H-14-378&m=timm/ViT-SO400M-14-SigLIP2"
    "&m=openai/clip-vit-large-patch14&m=openai/clip-vit-base-patch32&m=timm/ViT-B-16-SigLIP",
    "/playground/",
    "/playground/?model=openai/clip-vit-large-patch14",
    "/try/compare/",
    "/roadmap/",
    "/changes/",
    "/sources/",
    "/status/",
    "/privacy/",
    "/terms/",
    "/contact/",
    "/sources/original-page/",
    "/sources/openclip-config/",
    "/models/openai/clip-vit-large-patch14/waitlist/",
    "/accounts/login/",
    "/accounts/signup/",
    *DOCS,
    "/nothing/here/",
]

# And those that are a person's own.
OWN_PAGES = [
    "/account/",
    "/account/welcome/",
    "/account/credit/",
    "/account/keys/",
    "/account/webhooks/",
    "/account/your-data/",
    "/account/delete/",
    "/account/again/",
    "/accounts/email/",
    "/accounts/sessions/",
    "/accounts/3rdparty/",
    "/accounts/2fa/",
    "/accounts/2fa/webauthn/",
    "/accounts/2fa/webauthn/add/",
    "/accounts/2fa/totp/activate/",
    "/waitlist/preferences/",
]
