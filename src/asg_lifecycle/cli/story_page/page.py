"""The story of an action as one HTML page that needs nothing else: no script, no font, no picture, no network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asg_lifecycle.cli.story_page.drawing import LEGEND, STATE_COLOURS, draw
from asg_lifecycle.cli.story_page.markup import (
    Markup,
    after,
    clock,
    dollars,
    element,
    escaped,
    joined,
    length,
    short_name,
    time_element,
)
from asg_lifecycle.cli.story_page.style import style_digest, style_sheet
from asg_lifecycle.model.action_summary import Standing
from asg_lifecycle.model.action_timeline import orders_in_force, timeline_of, told_from
from asg_lifecycle.model.story_parts import StepState
from asg_lifecycle.model.timeline_rows import rows_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from asg_lifecycle.cli.story_page.drawing import Drawing
    from asg_lifecycle.model.action_story import ActionStory
    from asg_lifecycle.model.action_timeline import TimelineEntry
    from asg_lifecycle.model.story_parts import StoryStep


LONG = frozenset({"why"})
"""The cells that take several lines."""


def story_page(story: ActionStory) -> str:
    """Return the page. It holds no half surrogate pair: it can be encoded."""
    timeline = rows_of(timeline_of(story))
    targets = {entry.number: f"entry-{place}" for place, entry in enumerate(timeline) if entry.number is not None}
    sheet = style_sheet()
    policy = (
        f"default-src 'none'; style-src '{style_digest(sheet)}'; img-src data:; base-uri 'none'; form-action 'none'"
    )
    title = escaped(f"{story.identity.instance} in {story.identity.group}: {headline(story)}")
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n<meta name="referrer" content="no-referrer">\n'
        f'<title>{title}</title>\n<link rel="icon" href="data:,">\n<style>{sheet}</style>\n</head>\n<body>\n'
        '<a class="skip" href="#happened">Skip to what happened</a>\n'
        f"{_header(story)}\n<main>\n{_timeline_section(draw(story, targets))}\n{_facts(story)}\n"
        f"{_blockers_section(story)}{_happened_section(story, timeline)}\n{_links_section(story)}</main>\n"
        f"{_footer(story)}\n</body>\n</html>\n"
    )


def headline(story: ActionStory) -> str:
    """Return how an action stands or ended, in few words."""
    present = story.present
    if present.standing is not Standing.ENDED:
        return f"{present.standing} for {length(story.read_at - story.beginning.at)}"
    result = f" with {present.result}" if present.result is not None else ""
    ended_at = present.ended_at
    took = f" after {length(ended_at - story.beginning.at)}" if ended_at is not None else ""
    return f"{present.status}{result}{took}"


def _header(story: ActionStory) -> Markup:
    identity, present = story.identity, story.present
    ended = present.standing is Standing.ENDED
    colour = "done" if present.result == "CONTINUE" else "deadline" if ended else "under-way"
    if present.standing is Standing.HELD:
        colour = "held"
    said = present.reason if ended else present.detail
    way = "on its way into" if identity.transition == "launch" else "on its way out of"
    parts = [
        element("h1", escaped(f"Instance {identity.instance}")),
        element("p", escaped(f"{way} group {identity.group}"), class_="lead muted"),
        element(
            "p", element("span", element("span", escaped(headline(story))), class_=f"state c-{colour}"), class_="lead"
        ),
    ]
    if said:
        parts.append(element("p", escaped(said)))
    parts += [
        element("p", escaped(f"{said[0].upper()}{said[1:]}"))
        for said in orders_in_force(story, lambda at: f"{clock(at)} UTC")
    ]
    if present.problem and present.problem not in (said or ""):
        parts.append(element("p", escaped(f"Problem: {present.problem}")))
    return element("header", joined(*parts))


def _facts(story: ActionStory) -> Markup:
    identity, beginning, times, plan = story.identity, story.beginning, story.times, story.plan
    where = ", ".join(filter(None, (identity.account, identity.region)))
    facts: list[tuple[str, Markup]] = [
        ("waiting since", joined(time_element(beginning.at), Markup(" UTC"))),
        ("claimed", escaped(f"{length(beginning.claimed_at - beginning.at)} later{_found_by(story)}")),
        ("hook", escaped(f"{identity.hook}, {_moves(story)}")),
    ]
    if where:
        facts.append(("account and Region", escaped(where)))
    if identity.stack is not None:
        facts.append(("stack", escaped(identity.stack)))
    if plan is not None:
        name = f" {plan.name}" if plan.name is not None else ""
        facts.append(("plan", escaped(f"{plan.source}{name}, because {plan.why}")))
    if times.deadline is not None:
        facts.append(("deadline", joined(time_element(times.deadline), Markup(" UTC"))))
    if times.heartbeat_timeout is not None and times.global_timeout is not None:
        limits = f"{length(times.heartbeat_timeout)} without a heartbeat, {length(times.global_timeout)} in all"
        facts.append(("the hook's timeouts", escaped(limits)))
    least = "at least " if story.price.at_least else ""
    meanwhile = f"; an instance that waits so long: {dollars(story.price.instance_dollars)}"
    facts.append(("price of the wait", escaped(f"{least}{dollars(story.price.dollars)}{meanwhile}")))
    if identity.token is not None:
        facts.append(("token", escaped(identity.token)))
    terms = (element("div", joined(element("dt", escaped(name)), element("dd", value))) for name, value in facts)
    return _section("facts", "The action", element("dl", joined(*terms), class_="facts"))


def _found_by(story: ActionStory) -> str:
    if story.beginning.by_event:
        return ""
    early = story.beginning.early_reason
    return f", early because of {early}" if early is not None else ", found by the sweep"


def _moves(story: ActionStory) -> str:
    identity = story.identity
    moves = f"{identity.origin} to {identity.destination}" if identity.origin and identity.destination else ""
    return ", ".join(filter(None, (identity.transition, moves, identity.operation)))


def _timeline_section(drawing: Drawing) -> Markup:
    legend = (
        element("li", element("span", escaped(LEGEND[colour])), class_=f"c-{colour}") for colour in drawing.colours
    )
    scroll = Markup(
        '<div class="scroll" role="region" tabindex="0" aria-label="The drawing of the timeline, to scale">'
        f"{drawing.svg}</div>"
    )
    caption = element("figcaption", escaped("To scale. The table below tells the same in words."))
    figure = element("figure", joined(scroll, element("ul", joined(*legend), class_="legend"), caption))
    return _section("timeline", "Timeline", figure)


def _blockers_section(story: ActionStory) -> Markup:
    rows = [(number, step, blocker) for number, step in enumerate(story.steps, start=1) for blocker in step.blockers]
    if not rows:
        return Markup("")
    body = []
    for number, step, blocker in rows:
        name = element("span", escaped(short_name(blocker.name)), title=blocker.name)
        shown = _link(blocker.address, name) if blocker.address is not None else name
        since = joined(time_element(blocker.since)) if blocker.since is not None else Markup("-")
        body.append(
            element(
                "tr",
                joined(
                    Markup(f'<th scope="row">{shown}</th>'),
                    _cell("kind", escaped(blocker.kind)),
                    _cell("step", escaped(f"{number} {step.kind}")),
                    _cell("since", since),
                    _cell("why", escaped(blocker.reason)),
                ),
            )
        )
    keeps = "kept it to the end" if story.present.standing is Standing.ENDED else "keeps it"
    return _section(
        "blockers", f"What {keeps}", _table("Blockers, by name", ("blocker", "kind", "step", "since, UTC", "why"), body)
    )


def _happened_section(story: ActionStory, timeline: Sequence[TimelineEntry]) -> Markup:
    body = []
    for place, entry in enumerate(timeline):
        step = story.steps[entry.number - 1] if entry.number is not None else None
        when = time_element(entry.at)
        if entry.at is not None:
            when = joined(when, element("span", escaped(after(entry.at - story.beginning.at)), class_="muted"))
        lasted = (
            Markup('<td class="empty">-</td>')
            if entry.lasted is None
            else _cell("lasted", escaped(length(entry.lasted)))
        )
        body.append(
            element(
                "tr",
                joined(
                    element("td", when, class_="when"),
                    Markup(f'<th scope="row">{_what(entry, step)}</th>'),
                    lasted,
                    element("td", escaped(entry.detail)),
                ),
                id=f"entry-{place}",
            )
        )
    caption = "In the order of time, which is UTC; what has no time stands behind what it came after"
    return _section("happened", "What happened", _table(caption, ("when", "what", "lasted", "in words"), body))


def _what(entry: TimelineEntry, step: StoryStep | None) -> Markup:
    if step is None:
        return escaped(entry.what)
    try:
        colour = STATE_COLOURS.get(StepState(step.state), "wait")
    except ValueError:
        colour = "wait"
    said = escaped(f"step {entry.number} {step.state}")
    return element("span", element("span", said), class_=f"state c-{colour}")


def _links_section(story: ActionStory) -> Markup:
    if not story.links:
        return Markup("")
    entries = (
        element("li", joined(escaped(f"{link.what}: "), _link(link.address, escaped(link.name))))
        for link in story.links
    )
    return _section("links", "In the AWS console", element("ul", joined(*entries), class_="links"))


def _footer(story: ActionStory) -> Markup:
    told = told_from(story)
    parts = [
        element("p", escaped(f"{told[0].upper()}{told[1:]}.")),
        element("p", escaped(f"Price: {story.price.basis}")),
        element(
            "p",
            joined(
                escaped("Read at "),
                time_element(story.read_at),
                escaped(f" UTC. Execution {story.identity.execution}. asg-lifecycle story, version {story.version}."),
            ),
        ),
    ]
    return element("footer", joined(*parts))


def _section(name: str, heading: str, content: Markup) -> Markup:
    title = element("h2", escaped(heading), id=name, tabindex="-1")
    return element("section", joined(title, content), aria_labelledby=name)


def _table(caption: str, columns: Sequence[str], rows: Sequence[Markup]) -> Markup:
    heads = (element("th", escaped(column), scope="col") for column in columns)
    head = element("thead", element("tr", joined(*heads)))
    return element("table", joined(element("caption", escaped(caption)), head, element("tbody", joined(*rows))))


def _cell(label: str, content: Markup) -> Markup:
    return element("td", content, data_label=label, class_="long" if label in LONG else "short")


def _link(address: str, content: Markup) -> Markup:
    return element("a", content, href=address, rel="noopener noreferrer")
