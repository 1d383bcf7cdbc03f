"""The PeopleService: its protobufs become use cases, their results protobufs."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import asyncpg

from accounting.admin import people, people_import, people_undo, statements
from accounting.admin.messages import Context, epoch_ms, name_message, read_change, read_name
from accounting.admin.people_diff import Change
from protos.pedagio.v1 import people_pb2 as pb
from protos.pedagio.v1 import people_pb2_grpc

Publish = Callable[[str], Awaitable[None]]


class PeopleServicer(people_pb2_grpc.PeopleServiceServicer):
    """Errors are mapped by the interceptors of the server."""

    def __init__(self, pool: asyncpg.Pool, publish: Publish) -> None:
        """`publish` names a topic that changed, so that replicas look at once; best effort."""
        self._pool = pool
        self._publish = publish

    async def ImportPeople(
        self, request: pb.ImportPeopleRequest, context: Context
    ) -> pb.ImportPeopleResponse:
        """A file as one batch, or what it would change."""
        change = read_change(request.reason, context)
        wanted = people_import.Wanted(
            request.file, request.brl_per_usd, request.request_id, request.partial, request.force,
            request.dry_run,
        )  # fmt: skip
        found = await people_import.import_people(self._pool, wanted, change, datetime.now(UTC))
        diff = found.diff
        if found.batch:
            await self._publish("people")
        return pb.ImportPeopleResponse(
            batch=found.batch, replayed=found.replayed, unchanged=diff.unchanged,
            changes=[_change(each) for each in diff.changes], new_pools=diff.new_pools,
            doubts=diff.doubts, credit_nanos=diff.credit_nanos,
        )  # fmt: skip

    async def UndoImport(
        self, request: pb.UndoImportRequest, context: Context
    ) -> pb.UndoImportResponse:
        """Take back what is left of a batch."""
        change = read_change(request.reason, context)
        done = await people_undo.undo_import(
            self._pool, request.batch, change, dry_run=request.dry_run
        )
        return pb.UndoImportResponse(
            batch=request.batch, removed=done.removed, suspended=done.suspended,
            restored=done.restored, revoked_nanos=done.revoked_nanos, kept=done.kept,
        )  # fmt: skip

    async def ListImports(
        self, _request: pb.ListImportsRequest, _context: Context
    ) -> pb.ListImportsResponse:
        """The newest batches."""
        rows = await statements.rows(self._pool, "list_people_imports")
        return pb.ListImportsResponse(
            imports=[
                pb.ImportBatch(
                    id=r["id"], actor=r["actor"], reason=r["reason"], people=r["people"],
                    imported_at_ms=epoch_ms(r["imported_at"]),
                    undone_at_ms=epoch_ms(r["undone_at"]) if r["undone_at"] else 0,
                )
                for r in rows
            ]
        )  # fmt: skip

    async def ListPeople(
        self, request: pb.ListPeopleRequest, _context: Context
    ) -> pb.ListPeopleResponse:
        """One page of people."""
        found, token = await people.list_page(
            self._pool, request.team, request.state, request.page_size, request.page_token,
            request.search,
        )  # fmt: skip
        return pb.ListPeopleResponse(
            people=[_person(each) for each in found], next_page_token=token
        )

    async def GetPerson(self, request: pb.GetPersonRequest, _context: Context) -> pb.Person:
        """One person with the names that are theirs."""
        return _person(await people.find(self._pool, request.email))

    async def BindPerson(self, request: pb.BindPersonRequest, context: Context) -> pb.Person:
        """A client's name is this person's."""
        change = read_change(request.reason, context)
        person = await people.bind(
            self._pool, request.email, read_name(request.name), change, dry_run=request.dry_run
        )
        await self._publish("people")
        return _person(person)

    async def UnbindPerson(self, request: pb.UnbindPersonRequest, context: Context) -> pb.Person:
        """A client's name is nobody's any more."""
        change = read_change(request.reason, context)
        name = read_name(request.name)
        person = await people.unbind(self._pool, name, change, dry_run=request.dry_run)
        await self._publish("people")
        return _person(person)

    async def ErasePerson(
        self, request: pb.ErasePersonRequest, context: Context
    ) -> pb.ErasePersonResponse:
        """Personal data goes, the ledger stays."""
        change = read_change(request.reason, context)
        number = await people.erase(self._pool, request.email, change, dry_run=request.dry_run)
        return pb.ErasePersonResponse(person=number)

    async def ListStrangers(
        self, request: pb.ListStrangersRequest, _context: Context
    ) -> pb.ListStrangersResponse:
        """Who waits to be recognised."""
        found = await people.list_strangers(self._pool, request.page_size)
        return pb.ListStrangersResponse(
            strangers=[
                pb.Stranger(
                    name=name_message(each.name), email=each.email, has_account=each.has_account,
                    seen_at_ms=epoch_ms(each.seen_at),
                )
                for each in found
            ],
            clients=[_rules(each) for each in await people.list_rules(self._pool)],
        )  # fmt: skip

    async def SetClientPeople(
        self, request: pb.SetClientPeopleRequest, context: Context
    ) -> pb.ClientPeople:
        """What a client is declared to do with people."""
        change = read_change(request.reason, context)
        wanted = people.Rules(
            request.client,
            request.verified_emails if request.HasField("verified_emails") else None,
            request.guest_plan if request.HasField("guest_plan") else None,
            request.new_accounts_a_day if request.HasField("new_accounts_a_day") else None,
        )
        rules = await people.set_rules(self._pool, wanted, change, dry_run=request.dry_run)
        await self._publish("clients")
        return _rules(rules)


def _change(change: Change) -> pb.PersonChange:
    told = [
        f"{name}: {change.before.get(name) or '-'} -> {value or '-'}"
        for name, value in change.after.items()
        if name != "state" and (value is not None or change.before.get(name) is not None)
    ]
    return pb.PersonChange(
        change=change.kind, email=change.email, fields=told, credit_nanos=change.credit_nanos,
        line=change.line,
    )  # fmt: skip


def _person(person: people.Person) -> pb.Person:
    return pb.Person(
        id=person.id, email=person.email, name=person.name, team=person.team,
        cost_center=person.cost_center, language=person.language, plan=person.plan,
        state=person.state, account=name_message(person.account) if person.account else None,
        available_nanos=person.available_nanos, waiting_nanos=person.waiting_nanos,
        identities=[name_message(name) for name in person.identities],
    )  # fmt: skip


def _rules(rules: people.Rules) -> pb.ClientPeople:
    return pb.ClientPeople(
        client=rules.client, verified_emails=bool(rules.verified_emails),
        guest_plan=rules.guest_plan or "", new_accounts_a_day=rules.new_accounts_a_day or 0,
    )  # fmt: skip
