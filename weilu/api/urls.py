"""`/api/v1`: by access token, or by session with the CSRF token of the pages; problem+json for every refusal."""

from django.urls import URLPattern, path
from ninja import NinjaAPI
from ninja.security import django_auth

from weilu import __version__
from weilu.api import (
    accounts,
    acts,
    documents,
    evidence,
    fleet,
    flows,
    hand,
    host_reads,
    hosts,
    house,
    jobs,
    kinds,
    lists,
    notify,
    planning,
    problems,
    protected,
    reads,
    records,
    security,
    vault,
)
from weilu.api.bearer import Bearer, within_scope
from weilu.api.once import once
from weilu.kernel.rights import ANYONE, SIGNED_IN, right

api = NinjaAPI(
    title="Weilu 维录",
    version=__version__,
    description=(
        "Each act is one POST. With an `Idempotency-Key` (1 to 200 visible ASCII characters) it is carried out once: "
        "the same request gets the same answer again for 24 hours, another request with that key gets 422. "
        "A refusal keeps no key, and what tells a secret (`make_token`) takes none."
    ),
    auth=[Bearer(), django_auth],
    docs_url=None,
    urls_namespace="api",
    parser=problems.Bodies(),
)
problems.attach(api)
api.add_router("", reads.router, tags=["read"])
api.add_router("", protected.router, tags=["read"])
api.add_router("", lists.router)
api.add_router("", lists.acts)
api.add_router("", acts.router, tags=["act"])
api.add_router("", kinds.acts)
api.add_router("", hand.router, tags=["act"])
api.add_router("", flows.router, tags=["read"])
api.add_router("", flows.acts, tags=["act"])
api.add_router("", accounts.router)
api.add_router("", house.router)
api.add_router("", jobs.router, tags=["act"])
api.add_router("", notify.router, tags=["act"])
api.add_router("", planning.router)
api.add_router("", planning.reads)
api.add_router("", records.router, tags=["act"])
api.add_router("", records.reads, tags=["read"])
api.add_router("", security.router)
api.add_router("", vault.router)
api.add_router("", documents.router)
api.add_router("", documents.reads)
api.add_router("", evidence.router, tags=["act"])
api.add_router("", hosts.router)
api.add_router("", fleet.router, tags=["act"])
api.add_router("", host_reads.router)


def _patterns() -> list[URLPattern]:
    """Ninja's URLs, each marked with its right: the description is for anyone, all else for who has signed in.

    What a person may do is settled by the action itself, as on the pages.
    """
    found = []
    for pattern in api.urls[0]:
        if not isinstance(pattern, URLPattern) or pattern.callback is None:
            continue
        open_to = ANYONE if pattern.name == "openapi-json" else SIGNED_IN
        callback = right(open_to)(within_scope(once(pattern.callback)))
        found.append(path(str(pattern.pattern), callback, name=pattern.name))
    return found


app_name = "api"
urlpatterns = _patterns()
