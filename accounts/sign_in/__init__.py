"""How people come in: a code by mail, a passkey, another site; and allauth told of all that."""
