"""Forms of a person's own pages."""

from django import forms

from accounts.models import User
from catalog import email_addresses


class DeleteForm(forms.Form):
    # To delete an account its address is typed: nobody does that by mistake.
    address = forms.EmailField(
        label="your e-mail address",
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
    )

    def __init__(self, *args: object, person: User, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]  # passed on as they came
        self.person = person

    def clean_address(self) -> str:
        address: str = self.cleaned_data["address"]
        if email_addresses.fold(address) != email_addresses.fold(self.person.email):
            raise forms.ValidationError("That isn't the address of this account.")
        return address
