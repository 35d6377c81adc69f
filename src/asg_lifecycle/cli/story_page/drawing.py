"""The timeline of a story, drawn to scale as SVG."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from asg_lifecycle.cli.story_page.markup import Markup, after, clock, element, escaped, joined, length, short_name
from asg_lifecycle.cli.story_page.scale import Scale, scale_of
from asg_lifecycle.model.action_summary import Standing
from asg_lifecycle.model.action_timeline import BEGUN, length_of, messages_of_record, sentence_of_message
from asg_lifecycle.model.history_entries import EntryKind
from asg_lifecycle.model.story_parts import StepState

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from asg_lifecycle.model.action_story import ActionStory
    from asg_lifecycle.model.story_parts import StoryStep

WIDTH, LEFT, RIGHT = 960.0, 205.0, 936.0
TOP, ROW, BAR = 40.0, 38.0, 16.0
LONGEST_NAME = 25
"""Characters that have room on the left."""

MOST_ROWS = 200
"""Steps and blockers that are drawn; the table below tells of all."""

STATE_COLOURS = {
    StepState.DONE: "done",
    StepState.FAILED: "failed",
    StepState.SKIPPED: "skipped",
    StepState.OBSERVED: "observed",
    StepState.UNDER_WAY: "under-way",
    StepState.HELD: "held",
    StepState.UNFINISHED: "unfinished",
}
"""The colour of each state that has a bar."""

LEGEND = {
    "wait": "the wait",
    "queued": "waits for a drain slot",
    "done": "step done",
    "failed": "step failed",
    "skipped": "step skipped",
    "observed": "step only observed",
    "under-way": "step under way",
    "held": "step held",
    "unfinished": "step unfinished",
    "blocker": "blocker",
    "look": "look at the step",
    "beat": "heartbeat",
    "message": "message",
    "signal": "signal",
    "takeover": "taken over",
    "deadline": "deadline",
}


@dataclass(frozen=True, kw_only=True)
class Row:
    """One row of the drawing.

    Attributes:
        name: what stands on its left.
        note: a smaller line below the name, empty for none.
        shapes: what is drawn in it, for the row's own top at 0.
        target: id of the entry of the table that tells the same, None where there is none.
        label: what a screen reader says of it.
    """

    name: str
    note: str
    shapes: Markup
    target: str | None = None
    label: str = ""


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """The drawing, and the colours in it in the order of the legend."""

    svg: Markup
    colours: tuple[str, ...]


def draw(story: ActionStory, targets: dict[int, str]) -> Drawing:
    """Return the timeline of a story.

    Args:
        story: the story.
        targets: the ids of the table's rows, by the number of the step.
    """
    start, until = story.beginning.at, story.until
    earliest = min([start, story.beginning.claimed_at, *(step.began_at or start for step in story.steps)])
    scale = scale_of(earliest, until, list(_limits(story).values()), left=LEFT, right=RIGHT)
    rows = [_wait_row(story, scale), *_step_rows(story, scale, targets), *_mark_rows(story, scale)]
    height = TOP + ROW * len(rows) + 24
    parts = [_grid(scale, height, start), *(_placed(row, TOP + ROW * number) for number, row in enumerate(rows))]
    parts.append(_limit_lines(story, scale, height))
    what = escaped(f"Timeline of {story.identity.instance}, to scale: {length(until - start)} from {clock(start)} UTC")
    svg = Markup(
        f'<svg viewBox="0 0 {WIDTH:g} {height:g}" role="group" aria-labelledby="drawing-title">'
        f'<title id="drawing-title">{what}</title>{joined(*parts)}</svg>'
    )
    return Drawing(svg=svg, colours=tuple(colour for colour in LEGEND if f'c-{colour}"' in svg))


def _wait_row(story: ActionStory, scale: Scale) -> Row:
    start, until = story.beginning.at, story.until
    shapes = [_bar(scale, start, until, "wait")]
    queued = story.beginning.queued_since
    if queued is not None:
        shapes.append(_bar(scale, queued, story.beginning.work_began_at or until, "queued"))
    present = story.present
    ended = present.standing is Standing.ENDED
    result = str(present.result or present.status) if ended else f"{present.standing} now"
    shapes.append(
        _end_mark(scale.x(until), "done" if present.result == "CONTINUE" else "deadline" if ended else "wait")
    )
    note = f"{result}, {length(until - start)}"
    return Row(name="wait", note=note, shapes=joined(*shapes), label=f"the wait: {note}")


def _step_rows(story: ActionStory, scale: Scale, targets: dict[int, str]) -> Iterator[Row]:
    count = 0
    for number, step in enumerate(story.steps, start=1):
        took = length_of(story, step)
        note = f"{step.state}, {length(took)}" if took is not None else step.state
        yield Row(
            name=f"{number} {step.kind}",
            note=note,
            shapes=_step_bar(story, step, scale),
            target=targets.get(number),
            label=f"step {number} of {len(story.steps)}, {step.kind}: {note}",
        )
        for blocker in step.blockers:
            since = blocker.since if blocker.since is not None else step.began_at
            shapes = _bar(scale, since, story.until, "blocker", thin=True) if since is not None else Markup("")
            yield Row(name=f"  {short_name(blocker.name)}", note=f"  blocks: {blocker.kind}", shapes=shapes)
            count += 1
        count += 1
        if count >= MOST_ROWS:
            return


def _step_bar(story: ActionStory, step: StoryStep, scale: Scale) -> Markup:
    if step.began_at is None:
        return Markup("")
    ended_at = step.ended_at if step.ended_at is not None else story.until if step.state in BEGUN else step.began_at
    try:
        colour = STATE_COLOURS[StepState(step.state)]
    except (ValueError, KeyError):
        # An outcome of a later version: it is drawn, and named beside the bar.
        colour = "wait"
    return _bar(scale, step.began_at, ended_at, colour)


def _mark_rows(story: ActionStory, scale: Scale) -> Iterator[Row]:
    told = story.source.entries
    looks = [entry.at for entry in told if entry.kind is EntryKind.LOOK]
    beats = [entry.at for entry in told if entry.kind is EntryKind.BEAT]
    messages = [
        (message.at, sentence_of_message(message)) for message in messages_of_record(story) if message.at is not None
    ]
    messages += [(entry.at, entry.detail) for entry in told if entry.kind is EntryKind.MESSAGE]
    signals = [(signal.at, signal.name) for signal in story.signals]
    takeovers = [(entry.at, entry.detail) for entry in told if entry.kind is EntryKind.TAKEOVER]
    taken = story.takeovers
    if taken is not None and taken.unowned_since is not None:
        takeovers.append((taken.unowned_since, "no execution works on it any more"))
    if looks:
        yield Row(name="looks", note=_times(len(looks)), shapes=_strokes(scale, looks, "look"))
    if beats:
        yield Row(name="heartbeats", note=_times(len(beats)), shapes=_strokes(scale, beats, "beat"))
    for name, marks, colour in (
        ("messages", messages, "message"),
        ("signals", signals, "signal"),
        ("takeovers", takeovers, "takeover"),
    ):
        if marks:
            yield Row(name=name, note=_times(len(marks)), shapes=_diamonds(scale, marks, colour))


def _limits(story: ActionStory) -> dict[str, float]:
    times = story.times
    found = {}
    if times.deadline is not None:
        found["deadline"] = times.deadline
    if times.global_timeout is not None:
        found["hook's global timeout"] = story.beginning.at + times.global_timeout
    return found


def _limit_lines(story: ActionStory, scale: Scale, height: float) -> Markup:
    """Return a line for each limit in the drawing, and the words for those that are far beyond it."""
    parts, beyond = [], []
    for name, at in _limits(story).items():
        if at <= scale.end:
            x = scale.x(at)
            parts.append(Markup(f'<path class="limit c-deadline" d="M{x:.1f} {TOP - 8:g}V{height - 22:g}"/>'))
            parts.append(_text(x, height - 8, name, anchor="end" if x > WIDTH / 2 else "start"))
        else:
            beyond.append(f"{name} {length(at - story.until)} later")
    if beyond:
        parts.append(_text(RIGHT, height - 8 if len(parts) == 0 else 12, f"{', '.join(beyond)} →", anchor="end"))
    return joined(*parts)


def _grid(scale: Scale, height: float, start: float) -> Markup:
    parts = []
    for passed in scale.ticks():
        x = scale.x(scale.start + passed)
        at = scale.start + passed - start
        parts.append(Markup(f'<path class="grid" d="M{x:.1f} {TOP - 8:g}V{height - 22:g}"/>'))
        parts.append(_text(x, TOP - 14, after(at), anchor="middle"))
    return Markup(f'<g aria-hidden="true">{joined(*parts)}</g>')


def _placed(row: Row, top: float) -> Markup:
    indent = 14 if row.name.startswith("  ") else 0
    longest = LONGEST_NAME if not indent else LONGEST_NAME - 1
    name = row.name if len(row.name) <= longest else f"{row.name[: longest - 1]}…"
    inner = [
        Markup(f'<text class="name" x="{8 + indent}" y="15">{escaped(name.strip())}</text>'),
        Markup(f'<text class="muted" x="{8 + indent}" y="29">{escaped(row.note.strip())}</text>'),
        row.shapes,
    ]
    content = joined(*inner)
    if row.target is not None:
        content = Markup(f'<a href="#{row.target}" aria-label="{escaped(row.label)}">{content}</a>')
    return Markup(f'<g transform="translate(0 {top:g})">{content}</g>')


def _bar(scale: Scale, began_at: float, ended_at: float, colour: str, *, thin: bool = False) -> Markup:
    x = scale.x(began_at)
    width = max(2.0, scale.x(ended_at) - x)
    height = BAR / 2 if thin else BAR
    said = escaped(f"{clock(began_at)} to {clock(ended_at)} UTC, {length(ended_at - began_at)}")
    return Markup(
        f'<rect class="bar c-{colour}" x="{x:.1f}" y="{10 + (BAR - height) / 2:g}" width="{width:.1f}" '
        f'height="{height:g}" rx="2"><title>{said}</title></rect>'
    )


def _strokes(scale: Scale, times: Iterable[float], colour: str) -> Markup:
    """Return a stroke for each time; those that would stand in one place are one."""
    places = sorted({round(scale.x(at)) for at in times})
    path = "".join(f"M{x} 9v18" for x in places)
    return Markup(f'<path class="mark c-{colour}" d="{path}"/>')


def _diamonds(scale: Scale, marks: Iterable[tuple[float, str]], colour: str) -> Markup:
    return joined(
        *(
            Markup(
                f'<path class="c-{colour}" d="M{scale.x(at):.1f} 11l7 7l-7 7l-7 -7z">'
                f"<title>{escaped(f'{clock(at)} UTC: {said}')}</title></path>"
            )
            for at, said in marks
        )
    )


def _end_mark(x: float, colour: str) -> Markup:
    return Markup(f'<rect class="c-{colour}" x="{x - 2:.1f}" y="5" width="4" height="26" rx="1"/>')


def _text(x: float, y: float, text: str, *, anchor: str) -> Markup:
    return element("text", escaped(text), class_="muted", x=x, y=y, text_anchor=anchor)


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
