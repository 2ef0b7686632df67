# What is read off the trajectories of one system, all replicas together.
from functools import partial

from falsemetal.observables.registry import OBSERVABLES, needed

for campaign, names in PLAN.observe_jobs:

    rule:
        name:
            "_".join(["observe", campaign, *names[:1]])
        input:
            trajectories=lambda w: PLAN.trajectories(w.potential, w.campaign, w.size),
            released=lambda w: PLAN.released(w.potential, w.campaign, w.size),
            code=code_of(OBSERVABLES[name].module for name in needed(names)),
        output:
            **{
                name: f"<results>/observables/{{potential}}/{{campaign}}/{{size}}A/{name}.csv"
                for name in names
            },
        log:
            f"<logs>/observe/{{potential}}/{{campaign}}/{{size}}A-{names[0]}.log",
        wildcard_constraints:
            campaign=re.escape(campaign),
        conda:
            "../../envs/falsemetal.yaml"
        resources:
            # a sum over k for each frame of a periodic cell
            runtime=720 if CONFIG.campaigns[campaign].boundary == "bulk" else 180,
        params:
            **specified(partial(PLAN.observe, names=names), "potential", "campaign"),
        script:
            "../scripts/observe.py"
