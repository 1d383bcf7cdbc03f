"""Asks for an e-mail, mails the address of one's own page: the answer is the same for whoever it is."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from accounting.web.app import web_of
from accounting.web.desk import RefusedError
from accounting.web.person_forms import words_of
from protos.pedagio.v1 import person_pb2 as pb
from protos.pedagio.v1.person_pb2_grpc import PersonServiceStub

router = APIRouter()


@router.get("/my")
async def show(request: Request) -> Response:
    """One field."""
    return web_of(request).look.page(request, "person/my.html", sent=False, email="", wrong={})


@router.post("/my")
async def send(request: Request) -> Response:
    """Ask for the mail."""
    web = web_of(request)
    email = str((await request.form()).get("email", "")).strip()
    peer = request.client.host if request.client else ""
    try:
        await web.desk.ask(
            PersonServiceStub, "MailAddress", pb.MailAddressRequest(email=email, peer=peer)
        )
    except RefusedError as error:
        wrong = words_of(error)
        shown = email[:254]
        return web.look.page(request, "person/my.html", 422, sent=False, email=shown, wrong=wrong)
    return web.look.page(request, "person/my.html", sent=True, email=email, wrong={})
