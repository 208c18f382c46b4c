"""The gateway: one OpenAI- and Anthropic-compatible door on the purse, so that any program runs under a hard cap.

How a call goes, a file each:

    door.py        a request comes in: key, run, limits, body                         ► Ask
    dialects/      what a body can cost at most, what an answer says it cost          (pure)
    names.py       which model a name means                                           (pure)
    choosing.py    who answers: the named one, or by what a dollar of this budget is worth
    bound.py       the hold: input × price + output × price, lowered to what caps allow (pure)
    gateway.py     one request from its key to its answer: candidate after candidate, until a byte has come
    attempt.py     hold ─► send ─► capture for one candidate, on month, day, key and run together
    upstream.py    one attempt at a provider; its bytes as they come
    ways.py        how they get there: straight (lines.py, connections that cost little), or through a proxy
    relay.py       bytes to the client, figures to the books; goes on where the client has left
    translate/     a dialect that a provider does not speak, told as chat and back    (pure)
    refusals.py    what cannot be, in words and in the dialect's own shape
    replays.py     an Idempotency-Key's answer, kept
    spans.py         what OpenTelemetry is told of each call, where it is wanted
    limits.py      how often and how many at once a key may call
    aftermath.py   what follows from how a call ended: what its client is told, which models rest
    telling.py     the journal's 🚪 lines: once a minute, refusals once
    opening.py     everything put together; app.py the routes; serving.py the server alone

Nothing leaves without a hold, on every route. A body is read by a whitelist: a field that is not known to be bounded
is refused with its name. What a provider answers goes through byte for byte.
"""
