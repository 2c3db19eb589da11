"""The gate as CI runs it: in a repository, on branches that correct or spoil a label."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OPTIONS = ("--", "--encoder", "tfidf", "--no-config")


@pytest.fixture
def shell(tickets, tmp_path, monkeypatch):
    """Return a function that runs a program in a repository in which the tickets are on main."""
    if shutil.which("git") is None or shutil.which("bash") is None:
        pytest.skip("needs git and bash")
    programs = tmp_path / "bin"
    programs.mkdir()
    program = programs / "noisefix"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m noisefix "$@"\n')
    program.chmod(0o755)
    repository = tmp_path / "repository"
    repository.mkdir()
    shutil.copy(tickets, repository / "tickets.csv")
    who = {
        f"GIT_{role}_{what}": "t@example.org"
        for role in ("AUTHOR", "COMMITTER")
        for what in ("NAME", "EMAIL")
    }
    environment = {
        **os.environ,
        **who,
        "PATH": f"{programs}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md"),
    }

    def run(*words: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(word) for word in words],
            cwd=repository,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    for words in (("init", "-qb", "main"), ("add", "-A"), ("commit", "-qm", "data")):
        done = run("git", *words)
        assert done.returncode == 0, done.stderr
    run.repository = repository
    run.environment = environment
    return run


def change(shell, old: str, new: str) -> None:
    path = shell.repository / "tickets.csv"
    content = path.read_text()
    assert old in content
    path.write_text(content.replace(old, new, 1))
    done = shell("git", "commit", "-qam", "change")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_a_pull_request_that_corrects_a_label_passes_and_a_wrong_one_fails(shell, tmp_path):
    gate = ("bash", ROOT / ".ci" / "gate.sh", "main", "tickets.csv")
    (shell.repository / "noisefix.toml").write_text('encoder = "tfidf"\ndevice = "cpu"\n')
    shell("git", "checkout", "-qb", "correct")
    wrong = next(
        line
        for line in (shell.repository / "tickets.csv").read_text().splitlines()
        if line.startswith("t5,")
    )
    before = wrong.rpartition(",")[0]
    assert wrong.endswith("shipping") or wrong.endswith("account") or wrong.endswith("refund")
    true = ("account", "refund", "shipping")[4 % 3]
    change(shell, wrong, f"{before},{true}")
    passed = shell(*gate)
    assert passed.returncode == 0, passed.stdout + passed.stderr
    assert "passed max-new-issues: 0 rows are flagged" in passed.stdout
    assert not list(shell.repository.glob(".gate*"))

    shell("git", "checkout", "-qb", "wrong", "main")
    path = shell.repository / "tickets.csv"
    path.write_text(path.read_text() + "n1,the courier lost my parcel and tracking,account\n")
    shell("git", "commit", "-qam", "one more")
    failed = shell(*gate)
    assert failed.returncode == 1, failed.stdout + failed.stderr
    assert failed.stdout.startswith("tickets.csv:62: n1 account -> shipping ")
    assert "FAILED max-new-issues: 1 row is flagged" in failed.stdout
    summary = (tmp_path / "summary.md").read_text()
    assert "| **failed** |" in summary
    assert "courier" not in summary


@pytest.mark.slow
def test_a_file_that_is_new_is_checked_whole_and_usage_is_shown(shell):
    script = ROOT / ".ci" / "gate.sh"
    shell("git", "mv", "tickets.csv", "other.csv")
    shell("git", "commit", "-qm", "renamed")
    shell("git", "branch", "-f", "old", "HEAD~1")
    whole = shell("bash", script, "old", "other.csv", *OPTIONS)
    assert (whole.returncode, "FAILED max-issues" in whole.stdout) == (1, True)
    usage = shell("bash", script)
    assert (usage.returncode, "BASE FILE..." in usage.stderr) == (2, True)


def test_pre_commit_runs_the_hook(shell, tmp_path):
    if shutil.which("pre-commit") is None:
        pytest.skip("pre-commit is not installed")
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    content = (ROOT / ".pre-commit-hooks.yaml").read_text()
    # Installing the package and torch anew needs a network: the program on PATH is taken instead.
    assert "language: python\n" in content
    (hooks / ".pre-commit-hooks.yaml").write_text(
        content.replace("language: python\n", "language: system\n")
    )
    for words in (("init", "-q"), ("add", "-A"), ("commit", "-qm", "hooks")):
        shell("git", "-C", hooks, *words)
    config = shell.repository / "noisefix.toml"
    for limit, code in ((60, 0), (0, 1)):
        config.write_text(f'encoder = "tfidf"\n[check]\nmax_issues = {limit}\n')
        done = shell("pre-commit", "try-repo", hooks, "noisefix-check", "--files", "tickets.csv")
        assert done.returncode == code, done.stdout + done.stderr
    assert "tickets.csv:" in done.stdout
    assert "FAILED max-issues" in done.stdout
