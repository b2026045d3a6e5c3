"""From all that is known of a photo to the ground that it shows: the chain as a whole."""

from typing import NamedTuple

from .coverage import Coverage, CoverageOptions, coverage_of
from .datum import surroundings_of
from .ground import ElevationModel, Geoid
from .inputs import PhotoFacts
from .pose import CameraPose, pose_of


class PhotoCoverage(NamedTuple):
    """A photo's camera and the ground that it shows."""

    pose: CameraPose
    coverage: Coverage


def coverage_of_photo(
    facts: PhotoFacts,
    options: CoverageOptions | None = None,
    *,
    model: ElevationModel | None = None,
    geoid: Geoid | None = None,
) -> PhotoCoverage:
    """What a photo shows, over terrain where a model is given and knows it there, else over flat ground.

    Takes some hundredths of a second, with terrain a few tenths, and reads files where the model does: not for the
    event loop.

    Raises:
        NoCoverage: it cannot be known; the reason says what is missing.
    """
    options = options or CoverageOptions()
    around = surroundings_of(facts, model, geoid, options.max_range_m)
    pose = pose_of(facts, around.ground, altitude=around.altitude, notes=around.notes)
    return PhotoCoverage(pose, coverage_of(pose, around.ground, options))
