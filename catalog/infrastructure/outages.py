"""The errors that mean "a part of the site is away": listed once, for whoever answers them.

    except OUTAGES as error:    # a page or an API call: 503, try again soon

A refused statement or a wrong argument is none of them: it would fail the next time, too.
"""

from django.db import InterfaceError, OperationalError
from kombu.exceptions import OperationalError as BrokerError
from psycopg_pool import PoolTimeout
from redis.exceptions import RedisError

from catalog.infrastructure.storage import StorageUnavailable


class Outage(Exception):
    """Root of those that other apps know: a part of the site did not answer."""


# The pool waits for a connection and then raises an error that Django does not translate.
DATABASE_OUTAGES = (OperationalError, InterfaceError, PoolTimeout)
CACHE_OUTAGES = (RedisError,)
# kombu translates what its transports raise, but not all of what the sockets below them do.
BROKER_OUTAGES = (BrokerError, OSError)
# What a request may meet on its way; a broker that is away is no reason to refuse anything.
OUTAGES = (*DATABASE_OUTAGES, *CACHE_OUTAGES, StorageUnavailable, Outage)
