"""The form that adds a webhook."""

from django import forms

from inference.models import Event
from inference.outbound.url_checks import MAX_URL_LENGTH


class WebhookForm(forms.Form):
    url = forms.CharField(max_length=MAX_URL_LENGTH, label="address")
    events = forms.MultipleChoiceField(choices=Event.choices, label="events")
