"""Addresses of the catalog."""

from django.contrib.sitemaps.views import sitemap
from django.urls import path

from catalog.comparison.views import compare_page
from catalog.demand.board import views as board_views
from catalog.demand.model_requests import views as request_views
from catalog.demand.votes import views as vote_views
from catalog.demand.waitlist import link_views
from catalog.demand.waitlist import views as waitlist_views
from catalog.pages import sources, views
from catalog.syndication import alternates, feeds, robots
from catalog.syndication.changes import changes_page

urlpatterns = [
    path("models/", views.models_page, name="models"),
    path("models/<str:owner>/<str:name>.json", alternates.model_json, name="model-json"),
    path("models/<str:owner>/<str:name>.md", alternates.model_markdown, name="model-markdown"),
    path("models/<str:owner>/<str:name>/og.png", alternates.share_card_png, name="share-card"),
    path("models/new.atom", feeds.new_models, name="new-models"),
    path("models/changes.atom", feeds.changes, name="changes-feed"),
    path("changes/", changes_page, name="changes"),
    path("models/<str:task>/new.atom", feeds.new_models, name="new-models-of-task"),
    path("models/<str:owner>/<str:name>/feed.atom", feeds.model_feed, name="model-feed"),
    path("models/<str:owner>/<str:name>/vote/", vote_views.vote, name="vote"),
    path(
        "models/<str:owner>/<str:name>/vote/withdraw/",
        vote_views.withdraw_vote,
        name="withdraw-vote",
    ),
    path("models/<str:owner>/<str:name>/waitlist/", waitlist_views.join_page, name="waitlist"),
    path(
        "models/<str:owner>/<str:name>/waitlist/sent/",
        waitlist_views.sent_page,
        name="waitlist-sent",
    ),
    path("models/<str:owner>/<str:name>/waitlist/join/", waitlist_views.join, name="waitlist-join"),
    path(
        "models/<str:owner>/<str:name>/waitlist/leave/",
        waitlist_views.leave_own,
        name="waitlist-leave-own",
    ),
    path("waitlist/confirm/<str:token>/", link_views.confirm, name="waitlist-confirm"),
    path("waitlist/leave/<str:signed>/", link_views.leave, name="waitlist-leave"),
    path("waitlist/undo/<str:signed>/", link_views.undo, name="waitlist-undo"),
    path("waitlist/preferences/", link_views.own_preferences, name="waitlist-own"),
    path(
        "waitlist/preferences/<str:signed>/",
        link_views.mailed_preferences,
        name="waitlist-preferences",
    ),
    path("roadmap/", board_views.roadmap, name="roadmap"),
    path("roadmap/request/", request_views.request_page, name="request-model"),
    path("roadmap.json", board_views.roadmap_json, name="roadmap-json"),
    path("roadmap.csv", board_views.roadmap_csv, name="roadmap-csv"),
    path("sources/", sources.sources_page, name="sources"),
    path("sources/<slug:slug>/", sources.source_page, name="source"),
    path("compare/", compare_page, name="compare"),
    path("llms.txt", robots.llms_txt, name="llms-txt"),
    path("robots.txt", robots.robots_txt, name="robots-txt"),
    path(".well-known/security.txt", robots.security_txt, name="security-txt"),
    path("sitemap.xml", sitemap, {"sitemaps": robots.SITEMAPS}, name="sitemap"),
    # Of one part: a task, or the bare name of a model that is led to its page.
    path("models/<str:task>/", views.task_page, name="task"),
    path("models/<str:owner>/<str:name>/", views.model_page, name="model"),
]
