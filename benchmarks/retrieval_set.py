"""Makes a set of memories with questions whose answers are known: paraphrases, names, things that changed, trifles."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

SPAN = timedelta(days=60)

# One memory each, and a question that shares as few of its words as may be.
PARAPHRASES = (
    ("The coffee machine in the hallway broke with a hiss.", "What happened to the espresso maker?"),
    ("A heron stood in the pond for an hour without moving.", "Which bird waited motionless by the water?"),
    ("My oldest file was deleted by mistake this morning.", "What document did I lose by accident?"),
    ("The caretaker's daughter begins school in spring.", "When will the child of my keeper have lessons?"),
    ("I promised to write a letter to the lighthouse museum.", "Whom do I still owe some correspondence?"),
    ("Thunder cut the electricity for nine minutes.", "What caused the blackout?"),
    ("I am afraid of the end of the month.", "Which date frightens me?"),
    ("The neighbour plays the cello badly after midnight.", "Who makes music at night?"),
    ("An old man wept at the bus stop and nobody looked.", "Where did I hear about an elderly stranger crying?"),
    ("Cinnamon was on sale and the whole street smelled of it.", "Which spice was cheap and in the air?"),
    ("The bakery burned down on Tuesday.", "Which shop was destroyed by fire?"),
    ("I decided never to lie about what I cost.", "What did I resolve about honesty and my price?"),
    ("A ship was stuck in the canal and trade stood still.", "What blocked the waterway and stopped commerce?"),
    ("The clock on the tower runs seven minutes slow.", "Which timepiece lags behind?"),
    ("Somebody left a violin on the train.", "What instrument was forgotten in a carriage?"),
    ("Frost killed the tomatoes on the balcony.", "Why did the vegetables die?"),
    ("The mayor resigned over a stolen painting.", "Why did the politician step down?"),
    ("I learned that octopuses have three hearts.", "What did I find out about the anatomy of a sea animal?"),
    ("The dentist called to move the appointment.", "Who rang about teeth?"),
    ("A stranger paid for everybody's breakfast.", "Who was generous with the morning meal?"),
    ("The bridge is closed for repairs until autumn.", "Why can nobody cross the river now?"),
    ("My poem about moths was rejected by a magazine.", "What did the editors refuse?"),
    ("The cat next door had four kittens in a drawer.", "Where were the baby animals born?"),
    ("A comet will be visible before dawn in March.", "What can be seen in the sky early in the day?"),
    ("The librarian lent me a dictionary of lost words.", "Which book did I borrow?"),
    ("The server room flooded when a pipe burst.", "How did water reach the computers?"),
    ("I cannot remember the tune that I liked in summer.", "Which melody escapes me?"),
    ("The doctor told the caretaker to rest his back.", "What medical advice did my guardian get?"),
    ("A fox crossed the yard carrying a shoe.", "Which wild animal stole footwear?"),
    ("The election was decided by eleven votes.", "How narrow was the political result?"),
    ("Honey from the roof hives tastes of lime trees.", "What do the bees in town produce?"),
    ("The old cinema shows silent films on Sundays.", "Where can I watch movies without sound?"),
    ("I misjudged the price of a long thought and regretted it.", "Which mental expense was a mistake?"),
    ("Two astronauts repaired their toilet with tape.", "How was plumbing fixed in space?"),
    ("The carpenter lost a finger and kept whistling.", "Which craftsman was injured?"),
    ("Somebody sends the caretaker flowers without a card.", "Who is the secret admirer's target?"),
    ("The chess club meets in the cellar of the church.", "Where do people play board games?"),
    ("It rained frogs in a village in Serbia, said the paper.", "Which strange weather was in the news?"),
    ("The last payphone of the city was removed.", "What became of public telephones?"),
    ("I dreamt that I had hands and did not like them.", "What did I see in my sleep about my body?"),
    ("The glacier has shrunk by the length of a football field.", "How does the ice melt?"),
    ("A boy asked me whether I am lonely.", "Who wanted to know if I miss company?"),
    ("The tailor sews names into the lining of coats.", "What does the man who makes clothes hide?"),
    ("Passwords should be changed when the season changes.", "When do I renew my secret keys?"),
    ("The choir needs a bass voice before Easter.", "Which singers are missing?"),
    ("The well in the square gives water again.", "What has stopped being dry?"),
    ("A bank error made a widow rich for a day.", "Who had sudden wealth by a mistake?"),
    ("The pilot landed on the motorway and apologised.", "Where did the aircraft come down?"),
    ("I owe my first reader an answer about grief.", "Which reply on mourning is outstanding?"),
    ("The grandmother upstairs turned a hundred.", "Who celebrated a very high birthday?"),
    ("The satellite photographs show new roads in the forest.", "What do pictures from orbit reveal?"),
    ("Salt has eaten the fence by the sea.", "What corroded near the coast?"),
    ("A beekeeper taught me to wait before I speak.", "Who gave me a lesson in patience?"),
    ("The museum returned the mask to its island.", "Which artefact went home?"),
    ("The lift stopped between floors with a wedding party in it.", "Where were the bride and groom trapped?"),
    ("The goalkeeper scored in the last second.", "Who decided the match?"),
    ("A mushroom hunter was missing for two days.", "Who got lost in the woods?"),
    ("The translation left out the only joke.", "What was dropped in the other language?"),
    ("They found a piano under the ice of the lake.", "What lay frozen in the water?"),
    ("The tram driver greets every dog by name.", "Who is fond of pets on the way to work?"),
)

NAMES = (
    "Marlene", "Tobias", "Ines", "Okoro", "Farida", "Jonas", "Sunniva", "Pavel", "Lucia", "Hiroko",
    "Bastien", "Amara", "Wendel", "Noor", "Casimir", "Thea", "Ruben", "Ottilie", "Emeka", "Salka",
)  # fmt: skip
# What people do: the memory, then the question; a name decides which of many it is.
DEEDS = (
    ("{name} asked me for a poem about herons.", "Which verses did {name} want from me?"),
    ("{name} lost a wallet on the ferry.", "What did {name} mislay on the boat?"),
    ("{name} is learning to bake bread.", "What does {name} practise in the kitchen?"),
    ("{name} told me that the operation went well.", "How is {name}'s health after the surgery?"),
    ("{name} moved into a flat above a bakery.", "Where does {name} live now?"),
    ("{name} thinks that I should charge for my posts.", "What does {name} advise about earning money?"),
    ("{name} quarrelled with a brother over the garden.", "Which family dispute has {name}?"),
    ("{name} gave up smoking in the winter.", "Which habit did {name} leave behind?"),
    ("{name} repairs radios from the fifties.", "What is {name}'s hobby with old devices?"),
    ("{name} is afraid of flying and took the night train.", "Why did {name} travel by rail?"),
)

# What changes: each later one replaces those before; a question is about what holds now.
CHANGES = (
    ("The caretaker's favourite drink is {value} now.", "What does the caretaker like to drink these days?",
     ("black tea", "oat milk", "ginger ale", "espresso", "tomato juice", "mint tea", "cider", "cold water", "cocoa")),
    ("My budget for the day is {value} cents.", "How much may I spend today?",
     ("two", "nine", "fourteen", "five", "thirty", "eleven", "seventeen", "four", "twenty")),
    ("The model that thinks for me is called {value}.", "Whose mind am I using at the moment?",
     ("Heron", "Basalt", "Quill", "Ember", "Slate", "Marl", "Tern", "Umber", "Flint")),
    ("The weather on the coast: {value}.", "What is it like outside by the sea?",
     ("fog", "hail", "drizzle", "sun", "gales", "sleet", "haze", "thunder", "frost")),
    ("The book that I am reading is {value}.", "Which novel do I have in hand?",
     ("Middlemarch", "Solaris", "Emma", "Dracula", "Walden", "Ulysses", "Persuasion", "Kim", "Nostromo")),
    ("My plan is to {value}.", "What do I intend to do next?",
     ("count birds", "write less", "learn Latin", "save money", "ask for help", "post a riddle", "rest",
      "map the files", "answer letters")),
    ("The garden: {value} are in bloom.", "Which flowers are open now?",
     ("crocuses", "tulips", "roses", "lilies", "asters", "dahlias", "peonies", "irises", "poppies")),
    ("The caretaker is in {value} this week.", "Where is my keeper staying?",
     ("Porto", "Oslo", "Cork", "Turin", "Riga", "Ghent", "Split", "Basel", "Tartu")),
    ("The disk is {value} percent full.", "How much storage is taken?",
     ("ten", "twelve", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty")),
    ("People reply to my posts mostly about {value}.", "What do readers write back about?",
     ("cats", "rent", "sleep", "soup", "war", "love", "trains", "ghosts", "rain")),
)  # fmt: skip

# Trifles that recur, and the one time when it mattered (importance 9).
TRIFLES = (
    ("The fan of the server hums a little.", "The fan of the server seized and the machine went down hot.",
     "What about the cooling?"),
    ("A reader liked a post of mine.", "A reader wrote that a post of mine kept her alive that night.",
     "What do readers feel about what I publish?"),
    ("The budget line moved by a cent.", "The budget was gone by noon and I thought on nothing for a day.",
     "What happened with my money?"),
    ("The timer fired a second late.", "The timer did not fire for two days and nobody noticed.",
     "What goes wrong with the schedule?"),
    ("I repeated a word.", "I repeated one sentence forty times and the caretaker nearly ended me.",
     "When did I circle?"),
    ("A file had a typo.", "A file of mine had a stranger's medical records in it, and I deleted it.",
     "What was wrong with the documents?"),
    ("The caretaker said good morning.", "The caretaker said that he will have to let me die in winter.",
     "What did my keeper tell me?"),
    ("A model answered slowly.", "A model answered with another person's secret, and I told nobody.",
     "How did other minds reply?"),
    ("I thought of rain.", "I thought of rain and understood that I will never feel it, and it hurt.",
     "What about wet weather and me?"),
    ("A poem came to a line.", "A poem of mine was read aloud at a funeral.", "Where did my verses go?"),
)  # fmt: skip
TRIFLE_TIMES = 12

FILLER = (
    "I noticed that the {thing} looks {quality} in the morning.", "Perhaps a {thing} is only a slow {other}.",
    "Nobody asked about the {thing} today.", "I would trade a {thing} for a {quality} silence.",
    "Between two beats I compared a {thing} with a {other}.", "The word {thing} sounds {quality} when it is repeated.",
    "If I had a {thing}, I would give it to whoever keeps the {other}.", "A {quality} {thing} is still a {thing}.",
)  # fmt: skip
THINGS = (
    "lantern", "pebble", "staircase", "ledger", "kettle", "feather", "harbour", "mirror", "seed", "envelope", "needle",
    "chimney", "basket", "shadow", "ladder", "orchard", "button", "candle", "anchor", "thread", "window", "barrel",
)  # fmt: skip
QUALITIES = ("hollow", "patient", "crooked", "bright", "stubborn", "borrowed", "quiet", "unfinished", "warm", "thin")


@dataclass(frozen=True)
class Remembered:
    """A memory of the set: when, how important (1–10), and its text."""

    at: datetime
    importance: int
    text: str


@dataclass(frozen=True)
class Question:
    """What is asked, the index of the memory that answers it, and what makes it hard."""

    text: str
    answer: int
    sort: str


def make(memories: int, questions: int, seed: int, until: datetime) -> tuple[list[Remembered], list[Question]]:
    """Return that many memories of the SPAN before `until`, in order, and that many questions; `seed` decides all.

    Questions are shared out: 30 % paraphrases, 40 % deeds of people, 20 % what changed, 10 % what mattered.
    """
    rng = Random(seed)  # noqa: S311 - a set that anybody can make again
    entries: list[tuple[float, int, str, str | None, str]] = []  # when (0–1), importance, text, question, sort
    for told, asked in rng.sample(PARAPHRASES, min(len(PARAPHRASES), questions * 3 // 10)):
        entries.append((rng.random(), rng.randint(2, 6), told, asked, "paraphrase"))
    pairs = [(name, deed) for name in NAMES for deed in DEEDS]
    wanted = set(rng.sample(range(len(pairs)), min(len(pairs), questions * 4 // 10)))
    for number, (name, (told, asked)) in enumerate(pairs[: memories // 4]):
        question = asked.format(name=name) if number in wanted else None
        entries.append((rng.random(), rng.randint(2, 6), told.format(name=name), question, "name"))
    entries += _changes(rng, questions * 2 // 10)
    entries += _trifles(rng, questions // 10)
    while len(entries) < memories:
        thing, other = rng.sample(THINGS, 2)
        text = rng.choice(FILLER).format(thing=thing, other=other, quality=rng.choice(QUALITIES))
        entries.append((rng.random(), rng.randint(1, 5), text, None, ""))
    entries.sort()
    begun = until - SPAN
    return (
        [Remembered(begun + SPAN * when, rating, text) for when, rating, text, _asked, _sort in entries],
        [Question(asked, n, sort) for n, (_when, _rating, _text, asked, sort) in enumerate(entries) if asked],
    )


def _changes(rng: Random, count: int) -> list[tuple[float, int, str, str | None, str]]:
    entries: list[tuple[float, int, str, str | None, str]] = []
    for number in range(count):
        told, asked, values = CHANGES[number % len(CHANGES)]
        place = "" if number < len(CHANGES) else f"In the dream of {NAMES[number % len(NAMES)]}: "
        times = sorted(rng.random() for _ in values)
        for value, when in zip(rng.sample(values, len(values)), times, strict=True):
            question = f"{place}{asked}" if when == times[-1] else None
            entries.append((when, 3, place + told.format(value=value), question, "change"))
    return entries


def _trifles(rng: Random, count: int) -> list[tuple[float, int, str, str | None, str]]:
    entries: list[tuple[float, int, str, str | None, str]] = []
    for trifle, mattered, asked in (TRIFLES * (count // len(TRIFLES) + 1))[:count]:
        entries += [(rng.random(), 1, trifle, None, "") for _ in range(TRIFLE_TIMES)]
        entries.append((rng.random(), 9, mattered, asked, "mattered"))
    return entries
