"""What a task's row says of its film is the plan that the renderer reads, to the byte."""

import pytest

from mockserver.catalogue import load_catalogue
from mockserver.media.plan import FilmPlan, Source
from mockserver.tasks.outcome import foresee_outcome

FILM = Source("video", "video", "url:ab", 1280, 720, 5.0)
MODELS = load_catalogue().models
CASES = [(name, each.function) for name in sorted(MODELS) for each in MODELS[name].variants]
SETTINGS = {"seed": 7, "obj_or_bg": ["{look}", "bg"], "mask_type": "{look}", "watermark": True}


@pytest.mark.parametrize(("name", "function"), CASES)
@pytest.mark.parametrize("nth", [0, 3])
def test_the_name_of_a_film_is_that_of_its_plan(name, function, nth):
    """Also where a setting reads like what stands for the look while the text is made."""
    model, look = MODELS[name], set()
    for prompt in ("snow", "rain"):
        request = {"input": {"prompt": prompt}, "parameters": dict(SETTINGS)}
        variant = model.find_variant(function)
        outcome = foresee_outcome(model, variant, request, (FILM,), nth)
        plan = FilmPlan.from_text(outcome.plan)
        assert plan.name == outcome.film
        assert (plan.function, plan.sources) == (function, (FILM,))
        known = variant.parameters["properties"]
        assert plan.settings == {
            key: SETTINGS[key] for key in ("obj_or_bg", "mask_type") if key in known
        }
        look.add(plan.look)
    assert len(look) == 2
    assert all(len(digest) == 64 for digest in look)
