# One rule a figure; each is drawn by the module of its name in falsemetal.figures.


rule fig3a:
    """Dipole fluctuation against slab thickness (paper, Fig. 3a)."""
    input:
        observables("summary", THICKNESSES),
    output:
        pdf=OUT + "/figures/fig3a.pdf",
        png=report(OUT + "/figures/fig3a.png", caption="../report/fig3a.rst", category="Figures"),
        csv=OUT + "/figures/fig3a.csv",
        stamp=OUT + "/figures/fig3a.provenance.json",
    log:
        OUT + "/logs/figures/fig3a.log",
    params:
        settings=settings("slabs", "dynamics", "analysis"),
    script:
        "../scripts/draw.py"


rule figS8:
    """Distribution, profile and autocorrelation of the dipole at the thickest slab (Fig. S8)."""
    input:
        observables("dipole", THICKNESSES[-1:]),
        observables("cumulative", THICKNESSES[-1:]),
        observables("autocorrelation", THICKNESSES[-1:]),
    output:
        pdf=OUT + "/figures/figS8.pdf",
        png=report(OUT + "/figures/figS8.png", caption="../report/figS8.rst", category="Figures"),
        csv=OUT + "/figures/figS8.csv",
        stamp=OUT + "/figures/figS8.provenance.json",
    log:
        OUT + "/logs/figures/figS8.log",
    params:
        settings=settings("slabs", "dynamics", "analysis"),
    script:
        "../scripts/draw.py"


rule density:
    """Density profiles at the thickest slab (as Fig. 1a, for slabs)."""
    input:
        observables("density", THICKNESSES[-1:]),
    output:
        pdf=OUT + "/figures/density.pdf",
        png=report(OUT + "/figures/density.png", caption="../report/density.rst", category="Figures"),
        csv=OUT + "/figures/density.csv",
        stamp=OUT + "/figures/density.provenance.json",
    log:
        OUT + "/logs/figures/density.log",
    params:
        settings=settings("slabs", "dynamics", "analysis"),
    script:
        "../scripts/draw.py"
