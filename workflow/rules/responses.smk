# What a field does to charges that answer to it, on the starts that all potentials share.
rule respond:
    """Field inside films over the external one, by the charges of a model (docs/equilibrated-charges.md)."""
    input:
        films=lambda w: PLAN.response_frames(w.campaign, w.size),
        model=lambda w: PLAN.model(w.potential),
        code=code_of(["falsemetal.potentials.internal_field"]),
    output:
        "<results>/responses/{potential}/{campaign}/{size}A/internal_field.csv",
    log:
        "<logs>/respond/{potential}/{campaign}/{size}A.log",
    conda:
        "../../envs/falsemetal.yaml"
    threads: 1
    resources:
        mem_mb=2500,
    params:
        **specified(PLAN.internal_field),
    script:
        "../scripts/respond.py"


rule respond_of_metal:
    """Potentials and charges in films on a metal that a field changes (docs/answering-charges.md)."""
    input:
        films=lambda w: PLAN.response_frames(w.campaign, w.size),
        model=lambda w: PLAN.model(w.potential),
        code=code_of(["falsemetal.potentials.metal_response"]),
    output:
        "<results>/responses/{potential}/{campaign}/{size}A/metal_response.csv",
    log:
        "<logs>/respond_of_metal/{potential}/{campaign}/{size}A.log",
    conda:
        "../../envs/falsemetal.yaml"
    threads: 1
    resources:
        mem_mb=2500,
    params:
        **specified(PLAN.metal_response, "potential", "campaign"),
    script:
        "../scripts/respond_of_metal.py"
