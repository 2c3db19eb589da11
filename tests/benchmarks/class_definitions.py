"""What the classes of some shared sets mean, in two short sentences each.

Written for the benchmark of definitions, from the names of the classes and a look at some texts.
"""

from __future__ import annotations

DEFINITIONS: dict[str, dict[str, tuple[str, str]]] = {
    "semeval_weak": {
        "Cause-Effect": (
            "one thing causes, triggers or leads to another",
            "damage, disease or pain that comes from something",
        ),
        "Component-Whole": (
            "a part that belongs to a larger object",
            "a piece of a machine, a body or a building",
        ),
        "Content-Container": (
            "something is inside a box, bag or bottle",
            "an object was found, kept or packed in another",
        ),
        "Entity-Destination": (
            "something is moved, put or sent into a place",
            "people or goods that arrive somewhere",
        ),
        "Entity-Origin": (
            "something comes from a place, a source or a material",
            "a drink, a word or a person and where it is from",
        ),
        "Instrument-Agency": (
            "somebody uses a tool to do something",
            "a worker and the instrument in his hand",
        ),
        "Member-Collection": (
            "one of a group of people or animals",
            "a flock, team, family or collection of things",
        ),
        "Message-Topic": (
            "a text, speech or book about a subject",
            "a report or lecture that discusses something",
        ),
        "Product-Producer": (
            "a maker and what he makes",
            "a company, author or factory that produced something",
        ),
    },
    "fpb_llm": {
        "negative": (
            "profit or sales fell, or people were laid off",
            "bad news for investors: a loss, a decrease, a warning",
        ),
        "neutral": (
            "a fact about a company that changes nothing for investors",
            "where a firm is, what it makes, when it meets",
        ),
        "positive": (
            "profit or sales rose, or an order was won",
            "good news for investors: growth, a contract, a higher dividend",
        ),
    },
    "fomc_llm": {
        "dovish": (
            "monetary policy should be eased, interest rates lowered",
            "weak growth, unemployment and low inflation need support",
        ),
        "hawkish": (
            "monetary policy should be tightened, interest rates raised",
            "inflation is too high and the economy overheats",
        ),
        "neutral": (
            "a statement about the economy that asks for no change of policy",
            "facts about procedures, markets or history",
        ),
    },
    "mfrc_moral_llm": {
        "moral": (
            "somebody judges what is right or wrong, fair or unfair",
            "care, harm, loyalty, betrayal, authority, purity",
        ),
        "non_moral": (
            "talk about everyday things without judging anybody",
            "facts, jokes, questions and small talk",
        ),
    },
    "css_emotion_llm": {
        "anger": (
            "i am angry, annoyed or irritated",
            "somebody feels rage, resentment or is offended",
        ),
        "fear": (
            "i am afraid, nervous or anxious",
            "somebody feels threatened, shaky or overwhelmed",
        ),
        "joy": ("i am happy, glad or content", "somebody feels delighted, proud or successful"),
        "love": (
            "i love, care for or long for somebody",
            "tender, affectionate and romantic feelings",
        ),
        "sadness": ("i am sad, lonely or disappointed", "somebody feels hopeless, ashamed or hurt"),
        "surprise": (
            "i am amazed, shocked or astonished",
            "somebody is curious, impressed or taken aback",
        ),
    },
    "youtube_weak": {
        "HAM": ("a comment on the song or the singer", "people talk about the video and its views"),
        "SPAM": (
            "please subscribe to my channel, check out my video",
            "a link to a web site that advertises something or asks for money",
        ),
    },
    "sms_weak": {
        "ham": (
            "a private message between friends or family",
            "when shall we meet, what are you doing",
        ),
        "spam": (
            "you have won a prize, call this number now",
            "an advertisement for ringtones, mobile phones or a paid service",
        ),
    },
    "trec_weak": {
        "Abbreviation": (
            "what does an abbreviation or acronym stand for",
            "the full form of some letters",
        ),
        "Description": (
            "what is it, how does it work, why does it happen",
            "a definition, an explanation, a reason",
        ),
        "Entity": ("which animal, colour, food, film, game or product", "the name of a thing"),
        "Human": (
            "who was it, which person, team or company",
            "the name of an actor, president or inventor",
        ),
        "Location": (
            "where is it, which country, city or state",
            "the name of a mountain, river or place",
        ),
        "Numeric": (
            "how many, how much, how far, how old",
            "when did it happen, which year or date",
        ),
    },
    "satd_argouml": {
        "debt": (
            "todo, fixme, hack: this has to be done properly later",
            "the programmer admits that the code is bad or unfinished",
        ),
        "no_debt": (
            "a comment that explains what the code does",
            "the description of a method, its parameters and its return value",
        ),
    },
    "disaster_verified": {
        "disaster": (
            "a real fire, flood, earthquake, crash or attack",
            "people are killed, injured or evacuated",
        ),
        "not_disaster": (
            "somebody uses a dramatic word as a joke or a figure of speech",
            "everyday life, music, games and feelings",
        ),
    },
    "md_offensive_crowd": {
        "not_offensive": (
            "a polite or neutral remark",
            "people discuss politics or the news without insults",
        ),
        "offensive": (
            "an insult, a swear word or an attack on a person",
            "hateful or contemptuous talk about a group of people",
        ),
    },
    "numclaim_llm": {
        "inclaim": (
            "a forecast: the company expects a number in the future",
            "analysts predict growth, earnings or sales",
        ),
        "outofclaim": (
            "a number about the past quarter or year",
            "facts already reported: sales, earnings and prices",
        ),
    },
}
DEFINITIONS["semeval_mixtral"] = DEFINITIONS["semeval_weak"]
