"""How a controller's way into the hub stands, step by step."""

from datetime import datetime

import strawberry

from ofh.domain.link_steps import HINTS, Diagnosis, LinkProblem, LinkStep, LinkStepName, LinkStepState
from ofh.edges.graphql.fields import field
from ofh.edges.graphql.scalars import describe
from ofh.edges.graphql.visibility import OfWorkspace

describe(
    LinkStepName,
    "LinkStepName",
    "A step of a controller's way into the hub, in the order in which they are taken.",
    {
        LinkStepName.PAGE_FETCHED: "The hub's page was opened on the controller.",
        LinkStepName.CREDENTIALS: "The connection's id and secret were right.",
        LinkStepName.LICENCE: "The page got its settings, DJI's licence among them.",
        LinkStepName.MQTT_LOGIN: "The controller logged in to the MQTT broker.",
        LinkStepName.TOPOLOGY: "It announced which devices it has, and was answered.",
        LinkStepName.FIRST_REPORT: "A report came from the controller or one of its aircraft; the newest counts.",
        LinkStepName.WEBSOCKET: "The controller opened the websocket on which it hears of others.",
        LinkStepName.STORAGE_CREDENTIALS: "It got credentials for uploads.",
        LinkStepName.FIRST_OBJECT: "An uploaded file arrived; the newest counts.",
    },
)
describe(
    LinkStepState,
    "LinkStepState",
    "How a step stands.",
    {
        LinkStepState.WAITING: "It has not been seen yet.",
        LinkStepState.OK: "It went well.",
        LinkStepState.WARNING: "It works, and something about it is not as it should be.",
        LinkStepState.FAILED: "It went wrong, or should have come long ago, or cannot go well with the hub's settings.",
        LinkStepState.STALE: "It went well once, and not since it should have been taken again.",
        LinkStepState.SKIPPED: "It was not seen and is not needed: what comes after it went well.",
    },
)
describe(
    LinkProblem,
    "LinkProblem",
    "What is wrong with a step.",
    dict(HINTS),
)


@strawberry.type(name="LinkStep", description="How one step of a controller's way into the hub stands.")
class Step:
    step: strawberry.Private[LinkStep]

    @field("Which one.")
    def name(self) -> LinkStepName:
        return self.step.name

    @field("How it stands.")
    def state(self) -> LinkStepState:
        return self.step.state

    @field("When it last went well; with a problem, when that was last seen. Null if neither was ever seen.")
    def at(self) -> datetime | None:
        return self.step.at

    @field("What is wrong; null if nothing is.")
    def problem(self) -> LinkProblem | None:
        return self.step.problem

    @field("What exactly was seen, such as a serial number or a setting with its value; empty without more to say.")
    def detail(self) -> str:
        return self.step.detail

    @field("What is wrong or awaited and what to do, for somebody with the controller in their hands; else empty.")
    def hint(self) -> str:
        return self.step.hint


@strawberry.type(description="How a controller's way into the hub stands, and what to do where it is stuck.")
class ConnectionDoctor(OfWorkspace):
    event: strawberry.Private[Diagnosis]

    @property
    def workspace_id(self) -> int:
        return self.event.workspace_id

    @field("The connection's id.")
    def connection_id(self) -> strawberry.ID:
        return strawberry.ID(str(self.event.connection_id))

    @field("How it stands all in all: as the step that matters most.")
    def state(self) -> LinkStepState:
        return self.event.state

    @field("The same in a sentence or two.")
    def summary(self) -> str:
        return self.event.summary

    @field("Every step, in the order in which they are taken.")
    def steps(self) -> list[Step]:
        return [Step(step=step) for step in self.event.steps]
