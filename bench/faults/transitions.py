"""A trigger that notes each change of a job's state: what the job's own row cannot tell."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from django.db import connection

INSTALL = """
CREATE TABLE IF NOT EXISTS faults_change (
    id bigserial PRIMARY KEY, job uuid NOT NULL, was text NOT NULL, became text NOT NULL,
    attempt int NOT NULL, at timestamptz NOT NULL DEFAULT clock_timestamp()
);
TRUNCATE faults_change;
CREATE OR REPLACE FUNCTION faults_note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO faults_change (job, was, became, attempt)
    VALUES (NEW.id, OLD.state, NEW.state, NEW.attempt);
    RETURN NULL;
END $$;
CREATE OR REPLACE TRIGGER faults_note AFTER UPDATE OF state ON inference_job
    FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION faults_note();
"""
REMOVE = """
DROP TRIGGER IF EXISTS faults_note ON inference_job;
DROP FUNCTION IF EXISTS faults_note;
DROP TABLE IF EXISTS faults_change;
"""
RERUNS = """
SELECT extract(epoch FROM min(later.at) - %(at)s) FROM faults_change AS now
JOIN faults_change AS later ON later.job = now.job AND later.became = 'running'
    AND later.at > %(at)s AND later.attempt = now.attempt + 1
WHERE now.became = 'running' AND now.at <= %(at)s AND NOT EXISTS (
    SELECT 1 FROM faults_change AS done
    WHERE done.job = now.job AND done.was = 'running' AND done.at BETWEEN now.at AND %(at)s
)
GROUP BY now.job
"""


@contextmanager
def noted() -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute(INSTALL)
    try:
        yield
    finally:
        connection.close()  # the fault may have broken it
        with connection.cursor() as cursor:
            cursor.execute(REMOVE)


def ends() -> dict[str, int]:
    """How often each job came to an end, and how often one changed that had ended."""
    return _counts("became IN ('succeeded', 'failed', 'cancelled')")


def resurrections() -> dict[str, int]:
    return _counts("was IN ('succeeded', 'failed', 'cancelled')")


def _counts(condition: str) -> dict[str, int]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT job, count(*) FROM faults_change WHERE {condition} GROUP BY job")  # noqa: S608
        return {str(job): count for job, count in cursor.fetchall()}


def now() -> datetime:
    """PostgreSQL's clock, which the notes are dated by."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        found: datetime = cursor.fetchone()[0]
        return found


def reruns_s(killed_at: datetime) -> list[float]:
    """Seconds from a worker's death until each job that it had in hand ran again."""
    with connection.cursor() as cursor:
        cursor.execute(RERUNS, {"at": killed_at})
        return [float(row[0]) for row in cursor.fetchall()]
