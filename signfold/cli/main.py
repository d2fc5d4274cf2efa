"""The command line. Commands import what they need when they run, so that `signfold --help` is quick."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import click

from signfold import __version__
from signfold.core.errors import SignfoldError

PATH = click.Path(path_type=Path)
EXISTING = click.Path(path_type=Path, exists=True)


class Group(click.Group):
    """Shows an error that the user can correct as one message, without a traceback."""

    def invoke(self, context: click.Context) -> object:
        """Run a command."""
        try:
            return super().invoke(context)
        except SignfoldError as error:
            raise click.ClickException(str(error)) from None


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def main() -> None:
    """From a folder of isolated sign-language videos to an honestly evaluated recogniser.

    The workflow itself runs with Snakemake: `snakemake --cores 8`.
    """
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s")


@main.command()
@click.argument("out", type=PATH)
@click.option("--signs", default=6, show_default=True, help="Number of signs.")
@click.option("--signers", default=6, show_default=True, help="Number of signers.")
@click.option("--takes", default=2, show_default=True, help="Takes of each sign by each signer.")
@click.option("--seed", default=0, show_default=True, help="Random seed of signers and movements.")
@click.option("--workers", default=1, show_default=True, help="Parallel processes.")
def synth(out: Path, signs: int, signers: int, takes: int, seed: int, workers: int) -> None:
    """Draw clips of synthetic signers into OUT, named like VSL files, with their true joints in truth.parquet."""
    from signfold.dataset.synthetic import SynthSettings
    from signfold.synth.render import render

    render(out, SynthSettings(signs, signers, takes, seed), workers=workers)
    click.echo(f"{signs * signers * takes} clips in {out}")


@main.command()
@click.argument("model", type=EXISTING)
@click.argument("clips", type=PATH, nargs=-1, required=True)
@click.option("-o", "--out", type=PATH, default=Path("predicted.csv"), show_default=True, help="The .csv or .json.")
@click.option("--top", type=click.IntRange(min=1), default=5, show_default=True, help="Number of signs in an answer.")
@click.option(
    "--threshold",
    type=click.FloatRange(0, 1),
    help="Probability below which a sign is unknown.  [default: the model's]",
)
@click.option("--workers", type=click.IntRange(min=1), default=1, show_default=True, help="Videos at a time.")
@click.option("--cache", "root", type=PATH, help="Folder of extracted videos.  [default: results/cache, for RESULTS]")
@click.option(
    "--size", type=click.IntRange(min=1), nargs=2, help="Width and height of keypoints' pictures.  [default: square]"
)
@click.option("--fps", type=click.FloatRange(min=0, min_open=True), help="Keypoints' frames per second.  [default: 30]")
@click.option("--order", type=click.Choice(["kaggle", "holistic"]), help="Order of keypoints.  [default: kaggle]")
def predict(
    model: Path,
    clips: tuple[Path, ...],
    out: Path,
    top: int,
    threshold: float | None,
    workers: int,
    root: Path | None,
    **reading: Any,
) -> None:
    """Recognise the signs in CLIPS with MODEL, a bundle or a results folder.

    CLIPS are videos, keypoint files (.npz, .npy, .pose, Kaggle's .parquet; see docs/keypoints.md), or folders of them.
    Of RESULTS the final network is taken where there is one, else those of all folds together.
    """
    from dataclasses import replace

    from signfold.core.files import check_writable
    from signfold.inference import predict as predicting
    from signfold.inference.inputs import find_inputs
    from signfold.inference.load import load
    from signfold.keypoints.cache import Cache

    predicting.check_ending(out)
    check_writable(out)
    given = {key: value for key, value in reading.items() if value is not None}
    loaded = load(model) if threshold is None else replace(load(model), threshold=threshold)
    inputs = find_inputs(clips, replace(loaded.reading, **given))
    root = Path("results/cache") if root is None and model.is_dir() else root
    found = predicting.predict(loaded, inputs, top=top, cache=Cache(root) if root else None, workers=workers)
    predicting.write(found, out, top)
    click.echo("\n".join([*map(predicting.line, found), *predicting.summary(found, inputs), str(out)]))


@main.command()
@click.argument("results", type=EXISTING)
@click.option("-o", "--out", type=PATH, help="The bundle.  [default: NAME.signfold]")
@click.option("--ensemble", is_flag=True, help="The networks of all folds in the place of the final one.")
@click.option("--onnx", is_flag=True, help="Add an ONNX graph and its preprocessing as JSON: see docs/onnx.md.")
def pack(results: Path, out: Path | None, ensemble: bool, onnx: bool) -> None:
    """Pack the final network of RESULTS, as results/demo, into one file that needs nothing else: see docs/python.md."""
    from signfold.inference.pack import SUFFIX
    from signfold.inference.pack import pack as packing

    out = out or Path(f"{results.resolve().name}{SUFFIX}")
    model = packing(results, out, ensemble, onnx)
    click.echo(f"{out}: {out.stat().st_size / 1e6:.1f} MB, {len(model.labels)} signs, {', '.join(model.members)}")


@main.command()
@click.argument("model", type=EXISTING)
@click.option("--host", default="127.0.0.1", show_default=True, help="What to listen on.")
@click.option("--port", default=8765, show_default=True, type=click.IntRange(0, 65535), help="0: any that is free.")
@click.option("--browser/--no-browser", default=True, show_default=True, help="Open the page.")
def serve(model: Path, host: str, port: int, browser: bool) -> None:
    """Open a local page that recognises signs before the web cam, with MODEL: a bundle or a results folder."""
    import signfold
    from signfold.inference.live import serve as serving

    def started(address: str) -> None:
        click.echo(f"{address}\nThe page is served until Ctrl-C.")

    serving.serve(signfold.load(model), host, port, started, browser=browser)


@main.command()
@click.argument("results", type=EXISTING)
def show(results: Path) -> None:
    """Print where the report of RESULTS (as results/demo) is, and its headline."""
    from signfold.core.results import ResultsFolder

    click.echo("\n".join(ResultsFolder(results).headline()))


@main.command()
@click.argument("results_a", type=EXISTING)
@click.argument("results_b", type=EXISTING)
def compare(results_a: Path, results_b: Path) -> None:
    """Compare RESULTS_A and RESULTS_B on the clips that both tested: which is better, and on which signs."""
    from signfold.evaluation import compare as comparing

    click.echo("\n".join(comparing.comparison_lines(comparing.compare(results_a, results_b), results_a, results_b)))


@main.command()
@click.argument("results", type=EXISTING, nargs=-1)
@click.option("--md", is_flag=True, help="A table in Markdown.")
def runs(results: tuple[Path, ...], md: bool) -> None:
    """Show RESULTS in one table: settings that differ, top-1, difference to the first on the same clips, training time.

    Without RESULTS, all folders in results/ that have an evaluation, by name.
    """
    from signfold.evaluation import runs as showing

    found, left_out = [showing.read_run(each) for each in results], list[str]()
    if not results:
        found, left_out = showing.find_runs(Path("results"))
    click.echo("\n".join([*showing.listing(found, md), *left_out]))


@main.command("import")
@click.argument("folder", type=EXISTING)
@click.argument("results", type=PATH)
@click.option("--format", "kind", type=click.Choice(["npz", "npy", "kaggle", "pose"]), required=True)
@click.option("--match", help="Regular expression with the groups label, signer, ...")
@click.option("--labels", help="A CSV in FOLDER with the columns video, label, signer, split.")
@click.option("--size", type=int, nargs=2, help="Width and height of the pictures.  [default: square]")
@click.option("--fps", type=click.FloatRange(min=0, min_open=True), help="Frames per second.  [default: 30]")
@click.option(
    "--order", type=click.Choice(["kaggle", "holistic"]), help="Order of the 1629 values of a frame.  [default: kaggle]"
)
def import_keypoints(folder: Path, results: Path, kind: str, **given: object) -> None:
    """Import keypoints of other tools from FOLDER into RESULTS, as results/mine (see docs/keypoints.md).

    Labels are the names of folders (of the files for npz) unless --match or --labels is given. To train on them, name
    the dataset in the configuration instead: the workflow then imports it itself.
    """
    from signfold.core.files import read_metadata
    from signfold.keypoints.import_files import import_folder

    keys = {key: value for key, value in given.items() if value is not None}
    if "labels" in keys:
        keys["labels"] = {"file": keys["labels"]}
    elif "match" not in keys:
        keys["match"] = r"(^|/)(?P<label>[^/]+)\.npz$" if kind == "npz" else r"(?P<label>[^/]+)/[^/]+$"
    videos = import_folder({"root": str(folder), "keypoints": kind, **keys}, results).to_pandas()
    frames, usable = int(videos["frames"].sum()), int((videos["status"] == "ok").sum())
    click.echo(f"{len(videos)} clips in {results}, {usable} usable, {frames} frames")
    for part in ("pose", "left_hand", "right_hand"):
        click.echo(f"{part}: in {videos[f'frames_{part}'].sum() / max(1, frames):.1%} of frames")
    click.echo(f"exact copies of other clips: {videos['sha256'].dropna().duplicated().sum()}")
    if left_out := read_metadata(results / "index.parquet")["excluded"]:
        click.echo(f"left out: {left_out} files; {results / 'index.excluded.csv'} says why")


@main.command("export")
@click.argument("results", type=EXISTING)
@click.argument("out", type=PATH)
@click.option("--format", "kind", type=click.Choice(["pose", "pyskl"]), required=True)
def export_keypoints(results: Path, out: Path, kind: str) -> None:
    """Write the keypoints of RESULTS, as results/demo, for other tools: a folder of .pose files, or pyskl's pickle."""
    from signfold.keypoints.export import to_pose, to_pyskl

    count = to_pose(results, out) if kind == "pose" else to_pyskl(results, out)
    click.echo(f"{count} clips in {out}")


@main.command()
@click.argument("results", type=EXISTING)
@click.option(
    "--hands",
    default=0.3,
    show_default=True,
    help="Least share of a clip's frames with a hand; clips below it are listed.",
)
@click.option("--strict", is_flag=True, help="Exit with status 1 if any video is listed.")
def doctor(results: Path, hands: float, strict: bool) -> None:
    """List bad, suspicious and duplicate videos of RESULTS (as results/demo), each with the command that shows it."""
    from signfold.cli import doctor as examining

    diagnosis = examining.diagnose(results, hands)
    click.echo("\n".join(examining.diagnosis_lines(diagnosis, results)))
    if strict and not diagnosis.healthy:
        raise click.exceptions.Exit(1)


@main.command()
@click.argument("clip")
@click.option("-o", "--out", type=PATH, help="NAME.mp4: a film. NAME.png: a contact sheet. [default: CLIP.view.png]")
@click.option("--results", type=EXISTING, help="Results folder, as results/demo: CLIP may be one of its sample ids.")
@click.option("--cache", "root", default="results/cache", show_default=True, type=PATH, help="Folder of the cache.")
def view(clip: str, out: Path | None, results: Path | None, root: Path) -> None:
    """Draw the keypoints of CLIP over its frames, as detected and as imputed."""
    from signfold.visual import load_clip as viewing

    viewing.check_ending(out)
    found = viewing.clip_of_results(clip, results) if results else viewing.clip_of_video(Path(clip), root)
    out = out or Path(f"{Path(found.name).stem}.view.png")
    viewing.write_view(found, out)
    click.echo(out)


@main.command()
@click.argument("configs", type=PATH, nargs=-1)
@click.option("--dataset", help="Which of the configuration's datasets.  [default: its `dataset`]")
def check(configs: tuple[Path, ...], dataset: str | None) -> None:
    """Say what a run would work on, in seconds; CONFIGS are what snakemake gets as --configfile.

    Videos found, classes by signers, what is left out and why, the folds, what cannot be learnt, what is written.
    Status 1 if the run would stop before its first job.
    """
    from signfold.cli import check as checking

    click.echo("\n".join(checking.check(configs, dataset)))


@main.command()
@click.argument("config", type=PATH, required=False)
@click.option("--dataset", help="Which of the configuration's datasets.  [default: its `dataset`]")
@click.option(
    "--sample", default=5, show_default=True, type=click.IntRange(min=1), help="Number of clips that are extracted."
)
@click.option(
    "--workers", default=8, show_default=True, type=click.IntRange(min=1), help="Parallel jobs, as snakemake's --cores."
)
def plan(config: Path | None, dataset: str | None, sample: int, workers: int) -> None:
    """Estimate time and disk space of a run from a few clips; CONFIG is the file of snakemake's --configfile."""
    from signfold.cli import estimate as planning

    click.echo(planning.plan_lines(planning.plan(config, dataset, sample), workers))


@main.command()
@click.option("--cache", "root", default="results/cache", show_default=True, type=PATH, help="Folder of the cache.")
@click.option("--prune", is_flag=True, help="Delete entries of other versions of the extractor.")
def cache(root: Path, prune: bool) -> None:
    """Show the size of the cache of extracted videos, and prune it. Deleting the whole folder is safe too."""
    from signfold.keypoints.cache import Cache, cache_usage
    from signfold.keypoints.holistic import Holistic

    found = cache_usage(Cache(root), Holistic(), prune=prune)
    others, spare = found.entries - found.present_entries, found.bytes - found.present_bytes
    click.echo(f"{root}: {found.entries} videos, {found.bytes / 1e6:.1f} MB")
    click.echo(f"{'deleted' if prune else 'of other versions'}: {others} videos, {spare / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
