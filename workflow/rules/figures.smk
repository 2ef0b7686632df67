# Figures: each is drawn by the module of its name in falsemetal.products and captioned by
# workflow/report/<name>.rst. The campaign it shows, its tables, and the modules it draws by.
THICKEST = sizes_run("slabs")[-1:]
SMALLEST_CUBE = sizes_run("cubic")[:1]

DRAWN = {
    "fig3a": ("slabs", observables("slabs", "summary"), ["estimators/continuum.py"]),
    "figS8": (
        "slabs",
        observables("slabs", "dipole", "cumulative", "autocorrelation", sizes=THICKEST),
        ["estimators/continuum.py"],
    ),
    "density": ("slabs", observables("slabs", "density", sizes=THICKEST), []),
    "fig3c": (
        "elongated",
        observables("elongated", "summary", "potential"),
        ["products/potential_difference.py"],
    ),
    "fig3d": ("elongated", observables("elongated", "autocorrelation"), []),
    "figS7": ("cubic", observables("cubic", "rdf", sizes=SMALLEST_CUBE), []),
    "figS10": (
        "cubic",
        observables("cubic", "summary", "potential"),
        ["products/potential_difference.py"],
    ),
}


OF_SLABS, OF_BULK = jobs_of(["slabs"]), jobs_of(["elongated", "cubic"])
BY_JOBS = {
    "fig3b": (of_jobs("summary", *OF_SLABS), []),
    "figS1": (of_jobs("summary", *OF_SLABS), ["electronic/dipole_charge.py"]),
    "fig2b": (
        of_jobs("summary", *OF_SLABS) * bool(responses()) + responses(),
        ["electronic/profiles.py"],
    ),
    "figS9": (
        of_jobs("summary", *OF_SLABS) + of_jobs("density", *OF_SLABS),
        ["products/band_diagram.py"],
    ),
    "band_edges": (
        of_jobs("summary", *OF_SLABS) + of_jobs("density", *OF_SLABS),
        ["products/band_diagram.py", "electronic/bands.py"],
    ),
    "figS11": (
        of_jobs("summary", *OF_BULK) + of_jobs("density", *OF_BULK),
        ["products/band_diagram.py"],
    ),
}
DRAWN |= {
    name: ("electronic", tables, ["products/jobs.py", *modules])
    for name, (tables, modules) in BY_JOBS.items()
}


for name, (campaign, tables, modules) in DRAWN.items():

    rule:
        name:
            name
        input:
            tables=tables,
            code=code(f"products/{name}.py", "products/style.py", *modules),
        output:
            pdf=f"<results>/figures/{name}.pdf",
            png=report(
                f"<results>/figures/{name}.png",
                caption=f"../report/{name}.rst",
                category="Figures",
            ),
            csv=f"<results>/figures/{name}.csv",
            stamp=f"<results>/figures/{name}.provenance.json",
        log:
            f"<logs>/figures/{name}.log",
        conda:
            "../../envs/falsemetal.yaml"
        params:
            campaign=campaign,
            settings=settings("potentials", campaign, "dynamics", "analysis"),
        script:
            "../scripts/draw.py"


FIGURES = [name for name, (_, tables, _) in DRAWN.items() if tables]
