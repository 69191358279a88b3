"""Whoever opens an address: strangers go to sign-in, a missing right is refused, a view without a right is a fault."""

import pytest
from django.http import HttpResponse
from django.test import Client, RequestFactory

from tests.support.unchanged import every_row
from weilu.accounts.actions import end_role
from weilu.accounts.middleware import SignedInPerson
from weilu.accounts.models import Person
from weilu.kernel.rights import ANYONE, SIGNED_IN, right


def plain(request):
    return HttpResponse("shown")


def met_by(view, path="/somewhere?a=1", user=None):
    """What the middleware answers before the view; None lets it pass."""
    request = RequestFactory().get(path)
    request.session = {}
    middleware = SignedInPerson(plain)
    middleware(request)
    if user is not None:
        request.user = user
    return middleware.process_view(request, view, (), {})


def test_a_view_that_names_no_right_is_a_fault_and_not_a_page():
    with pytest.raises(RuntimeError) as told:
        met_by(plain)
    assert str(told.value) == f"{plain} names no right"


@pytest.mark.django_db
def test_a_stranger_is_led_to_sign_in_and_back():
    view = right(SIGNED_IN)(lambda request: HttpResponse())
    answer = met_by(view)
    assert (answer.status_code, answer["Location"]) == (302, "/login?next=%2Fsomewhere%3Fa%3D1")
    assert met_by(right(ANYONE)(lambda request: HttpResponse())) is None


@pytest.mark.django_db
def test_a_program_without_sign_in_gets_401():
    answer = met_by(right(SIGNED_IN)(lambda request: HttpResponse()), "/api/v1/items")
    assert (answer.status_code, answer["Content-Type"]) == (401, "application/problem+json")


def test_who_lacks_the_right_gets_the_refusal_page(cast):
    client = Client()
    client.force_login(cast.chen)
    before = every_row()

    answer = client.get("/changes/new")  # 陈 is an engineer and asks for no changes

    assert answer.status_code == 403
    page = answer.content.decode()
    assert "这一页需要「发起变更」的权限，您现在没有" in page
    assert "系统管理员可以授予" in page
    assert "Content-Security-Policy" in answer.headers
    assert every_row() == before


def test_with_the_last_role_the_pages_of_roles_close(cast):
    client = Client()
    client.force_login(cast.wu)
    assert client.get("/evidence/").status_code == 200
    end_role(cast.zheng, cast.wu, cast.jz, "security_office", anyway="调走了")
    assert client.get("/evidence/").status_code == 403
    assert client.get("/").status_code == 200  # who is still in the house keeps their own list


def test_who_has_left_is_signed_out_at_once(cast):
    client = Client()
    client.force_login(cast.wang)
    Person.objects.filter(id=cast.wang.id).update(is_active=False)
    assert client.get("/")["Location"] == "/login?next=%2F"
