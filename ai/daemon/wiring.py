"""Opens every room once and hands it what it needs; the same for the daemon, for `run N` and for simulations."""

import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from ai.actions import ActionContext, Refused, Registry
from ai.actions.oneself import actions as deeds
from ai.actions.works import actions as works_and_goals
from ai.asking import Purpose
from ai.brain.brain import Brain
from ai.brain.correspondence import Correspondence
from ai.brain.novelty import USUAL_LOOP_GUARDS, LoopGuards
from ai.brain.scene import Scenes
from ai.brain.senses import Senses
from ai.clock import Clock
from ai.credit_tracker import ProviderClock
from ai.credit_tracker.accounts import open_credit_ledger
from ai.credit_tracker.reconciliation import Reconciler
from ai.daemon.app import App
from ai.daemon.command_handlers import CommandHandlers
from ai.daemon.read_only_app import ReadOnlyApp, rooms_to_read
from ai.daemon.stage import Stage
from ai.life import Life, Lives
from ai.life.own_files import OwnFiles
from ai.llm import Endpoint, Limits, OpenAIEndpoint, PaidClient, Payer
from ai.llm.account import Generation, generation, key_info
from ai.llm.local.model_store import default_shelves
from ai.llm.local.supervisor import LocalEndpoint, local_endpoint
from ai.llm.local.weights import default_sources
from ai.llm.providers import configured_endpoint
from ai.memory.embeddings import Embedder, MiniLM, PaidEmbedder
from ai.memory.settling import look_back, too_soon
from ai.memory.similarity import NearSame, SimilarityGuard
from ai.mind.commands import Commands
from ai.mind.database import MindDatabase, open_mind
from ai.mind.journal import Event, Journal
from ai.model_config.catalogue import Catalogue
from ai.model_rotator.covers import refuse_misspelt
from ai.operations.alerts import Alerts
from ai.operations.webhook import Webhook
from ai.people import Letters, Persons, Votes, Works
from ai.settings import Settings
from ai.world import World
from ai.world.opening import open_world
from ai.world.visitors import Visitors

Outside = Callable[[Settings, MindDatabase, Journal, Clock, Visitors], World]


@asynccontextmanager
async def open_app(  # noqa: PLR0913 - what a simulation or a rehearsal hands in, each with its usual value
    settings: Settings,
    clock: Clock,
    *,
    seed: int | None = None,
    listen: Callable[[Event], None] | None = None,
    loop_guards: LoopGuards = USUAL_LOOP_GUARDS,
    stage: Stage | None = None,
    embedded: Callable[[Settings, Clock, Journal], LocalEndpoint | None] | None = None,
    outside: Outside = open_world,
) -> AsyncIterator[App]:
    """Open every room in `settings.data_dir`; the caller holds the daemon's lock.

    `seed` makes a run repeatable; `listen` is told of every event from the first one on; `loop_guards` keep the mind
    out of circles. On a `stage` nobody outside is asked, and nothing leaves. `embedded` opens another embedded model
    than this machine's, `outside` another world than the one around it.

    Raises NewerSchema, CorruptStore, StoreUnavailable, LifeFileBroken, SettingsError: one line each.
    """
    rng = random.Random(seed)  # noqa: S311 - chooses fragments and waits; nothing secret
    async with AsyncExitStack() as stack:
        mind = open_mind(settings.data_dir / "mind.db", secrets=settings.secrets())
        stack.callback(mind.close)
        ledger = open_credit_ledger(settings.purse_url, clock)
        stack.callback(ledger.close)
        journal = Journal(mind, clock)
        if listen is not None:
            journal.listen(listen)
        provider_clock = ProviderClock(clock, required=settings.asks_for_date)
        provider, local = None, None
        if stage is None:
            provider, local = (
                configured_endpoint(settings, clock),
                (embedded or local_endpoint)(settings, clock, journal),
            )
        real = [endpoint for endpoint in (provider, local) if endpoint is not None]
        endpoints: Sequence[Endpoint] = real if stage is None else stage.endpoints
        for endpoint in endpoints:
            stack.push_async_callback(endpoint.close)
        local_models = stage.local_models if stage is not None else local.models if local is not None else tuple
        catalogue = Catalogue(settings, clock, provider_clock, journal, local_models=local_models)
        await refuse_misspelt(settings, catalogue, ledger)
        read = rooms_to_read(
            settings, clock, mind, ledger, journal, provider_clock, catalogue, None if stage is None else stage.networks
        )
        client = PaidClient(
            {endpoint.name: endpoint for endpoint in endpoints},
            read.tracker,
            read.health,
            journal,
            clock,
            provider_clock=provider_clock,
            limits=Limits.of(settings),
        )
        stack.push_async_callback(client.close)
        embedder = _embedder(settings, clock, journal, client, catalogue)
        if isinstance(embedder, MiniLM):
            stack.push_async_callback(embedder.close)
        read.outbox.compare_by(NearSame(embedder))
        lives = Lives(settings.data_dir, mind, journal, clock, rng, settings, embedder)
        stack.callback(lives.close)
        visitors = Visitors(mind, clock)
        world = outside(settings, mind, journal, clock, visitors)
        stack.push_async_callback(world.close)
        webhook = _webhook(settings, mind, journal, clock)
        if webhook is not None:
            stack.push_async_callback(webhook.close)
        yield _furnish(
            read, journal, catalogue, provider, local, client, lives, webhook, embedder, loop_guards, world, visitors
        )


def _furnish(  # noqa: PLR0913, PLR0917 - wiring hands every room on
    read: ReadOnlyApp,
    journal: Journal,
    catalogue: Catalogue,
    provider: OpenAIEndpoint | None,
    local: LocalEndpoint | None,
    client: PaidClient,
    lives: Lives,
    webhook: Webhook | None,
    embedder: Embedder | None,
    loop_guards: LoopGuards,
    world: World,
    visitors: Visitors,
) -> App:
    """Put the brain and the hands of people into the rooms."""
    settings, clock, mind = read.settings, read.clock, read.mind
    letters, persons, works = Letters(mind, journal, clock), Persons(mind, clock), Works(mind, journal, clock)
    workspace = OwnFiles(lives.workspace, mind)
    registry = Registry(
        mind, clock, breaker=loop_guards.breaker(mind, clock), max_output_tokens=settings.max_output_tokens
    )
    for deed in (*deeds(lives), *works_and_goals(lives)):
        registry.register(deed)
    commands = Commands(mind, clock)

    def context(life: Life, beat: int, importance: int | None) -> ActionContext:
        async def reflect() -> str:
            if (why := too_soon(life.memory)) is not None:
                raise Refused(why)
            insights = await look_back(life.memory, brain.ask)
            return "; ".join(insight.text for insight in insights) or "nothing new came of it"

        return ActionContext(
            life=life.number,
            beat=beat,
            memory=life.memory,
            tracker=read.tracker,
            rotation=read.rotation,
            catalogue=catalogue,
            outbox=read.outbox,
            workspace=workspace,
            letters=letters,
            persons=persons,
            works=works,
            rest=read.schedule.rest,
            reflect=reflect,
            journal=journal,
            clock=clock,
            settings=settings,
            importance=importance,
        )

    senses = Senses(
        tracker=read.tracker,
        mind=mind,
        journal=journal,
        letters=letters,
        outbox=read.outbox,
        clock=clock,
        settings=settings,
    )

    async def mind_awaited() -> str | None:
        return None if local is None else await local.awaited()

    brain = Brain(
        lives=lives,
        senses=senses,
        scenes=Scenes(
            senses=senses,
            tracker=read.tracker,
            mind=mind,
            journal=journal,
            world=world,
            rotation=read.rotation,
            correspondence=Correspondence(letters, persons),
            workspace=workspace,
            clock=clock,
            settings=settings,
        ),
        rotation=read.rotation,
        tracker=read.tracker,
        client=client,
        registry=registry,
        context=context,
        outbox=read.outbox,
        schedule=read.schedule,
        novelty=loop_guards.novelty(
            lambda life: SimilarityGuard(mind, clock, "thought", embedder, life=life), read.schedule, journal
        ),
        journal=journal,
        clock=clock,
        settings=settings,
        embedder=embedder if isinstance(embedder, MiniLM) else None,  # a paid one would make drafts cost
        mind_awaited=mind_awaited,
    )
    reconciler = _reconciler(read, provider)
    command_handlers = CommandHandlers(
        commands=commands,
        reconciler=reconciler,
        health=read.health,
        letters=letters,
        schedule=read.schedule,
        lives=lives,
        ask=brain.ask,
        announce=brain.announce,
        tracker=read.tracker,
        outbox=read.outbox,
        journal=journal,
    )
    return App(
        settings=settings,
        clock=clock,
        mind=mind,
        ledger=read.ledger,
        tracker=read.tracker,
        health=read.health,
        rotation=read.rotation,
        outbox=read.outbox,
        schedule=read.schedule,
        chronicle=lives.chronicle,
        catalogue=catalogue,
        journal=journal,
        provider=provider,
        local=local,
        client=client,
        lives=lives,
        embedder=embedder,
        brain=brain,
        commands=commands,
        command_handlers=command_handlers,
        reconciler=reconciler,
        alerts=Alerts(read.tracker, mind, journal, clock),
        webhook=webhook,
        world=world,
        visitors=visitors,
        letters=letters,
        votes=Votes(mind, journal, clock),
    )


def _reconciler(read: ReadOnlyApp, provider: OpenAIEndpoint | None) -> Reconciler:
    """Return what compares the books with the provider's own figures; with no provider there are none to ask for."""

    async def ask_month() -> int | None:
        _, info = (None, None) if provider is None else await key_info(provider)
        return None if info is None else info.usage_monthly_nanos

    async def ask_generation(generation_id: str) -> Generation | None:
        return None if provider is None else await generation(provider, generation_id)

    return Reconciler(read.ledger, read.tracker, read.clock, ask_month=ask_month, ask_generation=ask_generation)


def _webhook(settings: Settings, mind: MindDatabase, journal: Journal, clock: Clock) -> Webhook | None:
    if settings.alert_webhook_url is None:
        return None
    secret = settings.alert_webhook_secret
    return Webhook(
        settings.alert_webhook_url,
        None if secret is None else secret.get_secret_value(),
        mind=mind,
        journal=journal,
        clock=clock,
        mind_name=settings.mind,
    )


def _embedder(
    settings: Settings, clock: Clock, journal: Journal, client: PaidClient, catalogue: Catalogue
) -> Embedder | None:
    """Return what compares memories: the embedded MiniLM, a paid model, or nothing (words alone)."""
    if settings.embeddings == "local":
        return MiniLM(settings.data_dir / "models", default_shelves(), default_sources(), journal, clock)
    if settings.embeddings == "openai" and (model := catalogue.embedding_model()) is not None:

        def whose() -> Payer:
            life, beat = journal.bound
            return Payer(Purpose.EMBEDDING, life=life, beat=beat)

        return PaidEmbedder(model.id, lambda texts: client.embed(model, texts, payer=whose()))
    return None
