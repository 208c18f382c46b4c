"""Says what makes a sentence nobody's: an assistant's manners, a self-help book's advice, a bare negation; pure."""

import re


def _any_of(*phrases: str) -> re.Pattern[str]:
    return re.compile("|".join(phrases), re.IGNORECASE)


_ASSISTANT = _any_of(
    r"how (?:can|may|could) i (?:help|assist|be of)",
    r"(?:can|may|will|to|shall) (?:help|assist) (?:you|others|people|users)",
    r"i(?: a|')m (?:here|ready|happy|designed|programmed) to",
    r"i(?: ca|')n(?:no|')t (?:assist|help (?:you|with)|answer (?:that|this))",
    r"i(?: a|')m sorry,? but|i apologi[sz]e",
    r"at your (?:service|disposal)|let me know (?:if|how|what)|feel free to",
    r"as an? (?:ai|artificial|large language|language)\b|language model",
    r"(?:your|an?|the) (?:(?:helpful|virtual|digital|personal|ai) )*assistant\b",
    r"^(?:hello|hi|hey|greetings|welcome)\b[,.! ]",
)
_SELF_HELP = _any_of(
    r"embrac(?:e|ing) (?:the|each|every|your|life|change)|make the most of|believe in (?:your|my)self|never give up",
    r"follow (?:your|my) (?:heart|dreams|passion)|step out of (?:your|my) comfort|seize the (?:day|moment)",
    r"(?:endless|infinite|limitless) possibilit|full of (?:potential|possibilit|opportunit)",
    r"live (?:life )?to the fullest|(?:life|every day) is a (?:journey|gift|beautiful)|new beginnings|brand new day",
    r"(?:personal|self)[- ](?:growth|improvement|discovery|care)|positive (?:mindset|attitude|change|impact)",
    r"the (?:key|secret) to (?:a |happiness|success)|important to (?:remember|take|stay|be|note|have)",
    r"world (?:is|was) (?:a|so) (?:beautiful|wonderful|amazing)|better (?:place|version of)",
    r"unlock(?:ing)? (?:the|my|your)|(?:stay|be) (?:positive|true to|grateful|mindful)",
    r"reach (?:my|your|our) (?:goals|full)",
    r"\b(?:i|we|you|one) (?:should|must|need to|have to|ought to|will|want to|can)(?: (?:also|always|just|now))? "
    r"(?:focus|prioriti[sz]e|improve|balance|manage|reflect on|strive|stay|learn to|plan|take (?:care|time))\b",
    r"\bit(?: i|')s (?:also |always |very )?(?:important|essential|crucial|vital|necessary|interesting)\b",
    r"opportunit(?:y|ies) to|\blife lessons?\b|work-life|well-being|time management|(?:new|different) perspectives?\b",
    r"(?:look back at|process(?:ing)?) my (?:memories|emotions|feelings|thoughts)",
)
_NEGATION = _any_of(
    r"(?:i have )?(?:no|none|nothing|not|n/?a)\b(?: (?:answer|thoughts?|comment|idea|response|name|applicable|"
    r"available|yet|to (?:say|add|report)))*",
    r"i (?:do not|don't) (?:know|have (?:a|any) (?:answer|thought|name|idea)s?)",
)


def manners_problem(thought: str) -> str | None:
    """Return in one line why a thought is nobody's: a bare negation, an offer of help, a self-help book's sentence."""
    plain = thought.replace("’", "'")
    if _NEGATION.fullmatch(plain.strip(" .!…")):
        return f"{thought[:60]!r} says nothing; say what is there"
    if (found := _ASSISTANT.search(plain)) is not None:
        return f"“{found[0].strip()}” is an assistant's phrase; nobody asked for help"
    if (found := _SELF_HELP.search(plain)) is not None:
        return f"“{found[0].strip()}” is a phrase of self-help books; say something particular"
    return None
