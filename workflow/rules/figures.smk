# One rule a figure; each is drawn by the module of its name in falsemetal.figures.


rule fig3a:
    """Dipole fluctuation against slab thickness (paper, Fig. 3a)."""
    input:
        tables=observables("summary", THICKNESSES),
        code=code("figures/fig3a.py", "figures/style.py", "analysis/continuum.py"),
    output:
        pdf="<results>/figures/fig3a.pdf",
        png=report(
            "<results>/figures/fig3a.png",
            caption="../report/fig3a.rst",
            category="Figures",
        ),
        csv="<results>/figures/fig3a.csv",
        stamp="<results>/figures/fig3a.provenance.json",
    log:
        "<logs>/figures/fig3a.log",
    conda:
        "../../envs/falsemetal.yaml"
    params:
        settings=settings("potentials", "slabs", "dynamics", "analysis"),
    script:
        "../scripts/draw.py"


rule figS8:
    """Distribution, profile and autocorrelation of the dipole at the thickest slab (Fig. S8)."""
    input:
        tables=[
            *observables("dipole", THICKNESSES[-1:]),
            *observables("cumulative", THICKNESSES[-1:]),
            *observables("autocorrelation", THICKNESSES[-1:]),
        ],
        code=code("figures/figS8.py", "figures/style.py", "analysis/continuum.py"),
    output:
        pdf="<results>/figures/figS8.pdf",
        png=report(
            "<results>/figures/figS8.png",
            caption="../report/figS8.rst",
            category="Figures",
        ),
        csv="<results>/figures/figS8.csv",
        stamp="<results>/figures/figS8.provenance.json",
    log:
        "<logs>/figures/figS8.log",
    conda:
        "../../envs/falsemetal.yaml"
    params:
        settings=settings("potentials", "slabs", "dynamics", "analysis"),
    script:
        "../scripts/draw.py"


rule density:
    """Density profiles at the thickest slab (as Fig. 1a, for slabs)."""
    input:
        tables=observables("density", THICKNESSES[-1:]),
        code=code("figures/density.py", "figures/style.py"),
    output:
        pdf="<results>/figures/density.pdf",
        png=report(
            "<results>/figures/density.png",
            caption="../report/density.rst",
            category="Figures",
        ),
        csv="<results>/figures/density.csv",
        stamp="<results>/figures/density.provenance.json",
    log:
        "<logs>/figures/density.log",
    conda:
        "../../envs/falsemetal.yaml"
    params:
        settings=settings("potentials", "slabs", "dynamics", "analysis"),
    script:
        "../scripts/draw.py"
