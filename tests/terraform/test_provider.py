"""Find the provider, and configure Terraform to use it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finbase.source.hcl_scan import quoted
from finbase.terraform.program import Terraform
from finbase.terraform.provider import Installation, Mirror, find_provider

TERRAFORM = Terraform(Path("/usr/bin/terraform"), "Terraform", (1, 11, 4), "linux_amd64")
TOFU = Terraform(Path("/usr/bin/tofu"), "OpenTofu", (1, 11, 0), "linux_amd64")
REGISTRY, TOFU_REGISTRY = TERRAFORM.host, TOFU.host


def unpacked(root: Path, host: str = REGISTRY, platform: str = "linux_amd64") -> Path:
    package = root / host / "hashicorp" / "aws" / "5.100.0" / platform
    package.mkdir(parents=True)
    (package / "terraform-provider-aws_v5.100.0_x5").touch()
    return root


def zipped(root: Path, host: str = REGISTRY, platform: str = "linux_amd64") -> Path:
    package = root / host / "hashicorp" / "aws"
    package.mkdir(parents=True)
    (package / f"terraform-provider-aws_5.100.0_{platform}.zip").touch()
    return root


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home = tmp_path / "home"
    home.mkdir()
    return home


@pytest.fixture
def environ(home: Path, tmp_path: Path) -> dict[str, str]:
    return {"HOME": str(home), "XDG_DATA_DIRS": str(tmp_path / "shared")}


def test_mirrors_without_folders(environ: dict[str, str], tmp_path: Path) -> None:
    assert find_provider(TERRAFORM, environ, [str(tmp_path)]) == Installation()


@pytest.mark.parametrize("make", [unpacked, zipped])
@pytest.mark.parametrize("below", ["", "mirror", "a/b/c"])
def test_mirrors_in_three_levels(
    environ: dict[str, str], tmp_path: Path, make: object, below: str
) -> None:
    assert callable(make)
    root = make(tmp_path / "root" / below)
    found = find_provider(TERRAFORM, environ, [str(tmp_path / "root")])
    assert found.mirrors == (Mirror(root, REGISTRY),)


def test_mirrors_skip_deeper_folders(environ: dict[str, str], tmp_path: Path) -> None:
    unpacked(tmp_path / "root" / "a/b/c/d")
    assert find_provider(TERRAFORM, environ, [str(tmp_path / "root")]).mirrors == ()


def test_mirrors_skip_other_platforms(environ: dict[str, str], tmp_path: Path) -> None:
    unpacked(tmp_path / "root", platform="darwin_arm64")
    zipped(tmp_path / "root" / "more", platform="windows_amd64")
    assert find_provider(TERRAFORM, environ, [str(tmp_path / "root")]).mirrors == ()


def test_mirrors_skip_other_providers(environ: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "root" / REGISTRY / "hashicorp" / "random").mkdir(parents=True)
    assert find_provider(TERRAFORM, environ, [str(tmp_path / "root")]).mirrors == ()


def test_mirrors_skip_links_and_missing_roots(environ: dict[str, str], tmp_path: Path) -> None:
    unpacked(tmp_path / "elsewhere")
    root = tmp_path / "root"
    root.mkdir()
    (root / "loop").symlink_to(root)
    (root / "mirror").symlink_to(tmp_path / "elsewhere")
    roots = [str(root), str(tmp_path / "missing")]
    assert find_provider(TERRAFORM, environ, roots).mirrors == ()


def test_mirrors_search_is_bounded(environ: dict[str, str], tmp_path: Path) -> None:
    root = tmp_path / "root"
    for number in range(400):
        (root / f"a{number:03}").mkdir(parents=True)
    unpacked(root / "zz-terraform-plugins")
    unpacked(root / "zz")
    found = find_provider(TERRAFORM, environ, [str(root)])
    assert found.mirrors == (Mirror(root / "zz-terraform-plugins", REGISTRY),)


def test_mirrors_are_unique(environ: dict[str, str], tmp_path: Path) -> None:
    first, second = unpacked(tmp_path / "root/a"), unpacked(tmp_path / "root/b")
    roots = [str(tmp_path / "root"), str(tmp_path / "root" / "a"), str(tmp_path)]
    found = find_provider(TERRAFORM, environ, roots)
    assert [mirror.root for mirror in found.mirrors] == [first, second]


@pytest.mark.parametrize(
    "folder",
    [
        "home/.terraform.d/plugins",
        "home/.local/share/terraform/plugins",
        "shared/terraform/plugins",
        "home/Library/Application Support/io.terraform/plugins",
    ],
)
def test_implied_folders_need_no_configuration(
    environ: dict[str, str], tmp_path: Path, folder: str
) -> None:
    unpacked(tmp_path / folder)
    unpacked(tmp_path / "root")
    assert find_provider(TERRAFORM, environ, [str(tmp_path / "root")]) == Installation()


def test_implied_folders_include_xdg_data_home(environ: dict[str, str], tmp_path: Path) -> None:
    unpacked(tmp_path / "data" / "terraform" / "plugins")
    unpacked(tmp_path / "root")
    environ |= {"XDG_DATA_HOME": str(tmp_path / "data")}
    assert find_provider(TERRAFORM, environ, [str(tmp_path / "root")]) == Installation()


def test_plugin_cache_precedes_search(environ: dict[str, str], tmp_path: Path) -> None:
    cache = unpacked(tmp_path / "cache")
    unpacked(tmp_path / "root")
    environ |= {"TF_PLUGIN_CACHE_DIR": str(cache)}
    found = find_provider(TERRAFORM, environ, [str(tmp_path / "root")])
    assert found.mirrors == (Mirror(cache, REGISTRY),)


def test_plugin_cache_that_is_empty(environ: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir()
    mirror = unpacked(tmp_path / "root")
    environ |= {"TF_PLUGIN_CACHE_DIR": str(tmp_path / "cache")}
    found = find_provider(TERRAFORM, environ, [str(tmp_path / "root")])
    assert found.mirrors == (Mirror(mirror, REGISTRY),)


@pytest.mark.parametrize(
    "text",
    [
        'plugin_cache_dir = "/var/cache/plugins"\n',
        "provider_installation {\n  direct {}\n}\n",
        '{"provider_installation": [{"direct": [{}]}]}',
        '{\n  "plugin_cache_dir": "/var/cache/plugins"\n}',
    ],
)
@pytest.mark.parametrize("place", ["explicit", "older", "home", "folder"])
def test_user_installation_is_unchanged(
    environ: dict[str, str], home: Path, tmp_path: Path, text: str, place: str
) -> None:
    unpacked(tmp_path / "root")
    (home / ".terraform.d").mkdir()
    path = {
        "explicit": tmp_path / "custom.tfrc",
        "older": tmp_path / "custom.tfrc",
        "home": home / ".terraformrc",
        "folder": home / ".terraform.d" / "own.tfrc",
    }[place]
    path.write_text(text)
    if place in ("explicit", "older"):
        name = "TF_CLI_CONFIG_FILE" if place == "explicit" else "TERRAFORM_CONFIG"
        environ |= {name: str(path)}
    assert find_provider(TERRAFORM, environ, [str(tmp_path / "root")]) == Installation()


def test_other_user_settings_remain(environ: dict[str, str], home: Path, tmp_path: Path) -> None:
    mirror = unpacked(tmp_path / "root")
    settings = '# plugin_cache_dir = "x"\ncredentials "example.com" {\n  token = "t"\n}\n'
    (home / ".terraformrc").write_text(settings)
    found = find_provider(TERRAFORM, environ, [str(tmp_path / "root")])
    assert found.mirrors == (Mirror(mirror, REGISTRY),)
    config = found.cli_config(REGISTRY, tmp_path)
    assert config.startswith(settings)
    assert f'filesystem_mirror {{\n    path    = "{mirror}"' in config
    assert f'direct {{\n    exclude = ["{REGISTRY}/hashicorp/aws"]' in config


def test_json_settings_are_not_mixed_with_blocks(
    environ: dict[str, str], home: Path, tmp_path: Path
) -> None:
    unpacked(tmp_path / "root")
    (home / ".terraform.d").mkdir()
    (home / ".terraform.d" / "credentials.tfrc.json").write_text('{"credentials": {}}')
    found = find_provider(TERRAFORM, environ, [str(tmp_path / "root")])
    assert found.cli_config(REGISTRY, tmp_path).startswith("provider_installation {")


def test_missing_configuration_is_ignored(environ: dict[str, str], tmp_path: Path) -> None:
    mirror = unpacked(tmp_path / "root")
    environ |= {"TF_CLI_CONFIG_FILE": str(tmp_path / "missing.tfrc")}
    found = find_provider(TERRAFORM, environ, [str(tmp_path / "root")])
    assert found.mirrors == (Mirror(mirror, REGISTRY),)


@pytest.mark.parametrize("name", [".tofurc", ".terraformrc", ".config/opentofu/tofurc"])
def test_opentofu_reads_its_own_configuration(
    environ: dict[str, str], home: Path, tmp_path: Path, name: str
) -> None:
    unpacked(tmp_path / "root")
    (home / name).parent.mkdir(parents=True, exist_ok=True)
    (home / name).write_text("provider_installation {\n  direct {}\n}\n")
    assert find_provider(TOFU, environ, [str(tmp_path / "root")]) == Installation()


def test_opentofu_uses_links_to_mirror(environ: dict[str, str], tmp_path: Path) -> None:
    root = unpacked(tmp_path / "root")
    (root / REGISTRY / "hashicorp/aws/terraform-provider-aws_5.99.0_linux_amd64.zip").touch()
    found = find_provider(TOFU, environ, [str(root)])
    assert found.mirrors == (Mirror(root, REGISTRY),)
    scratch = tmp_path / "scratch"
    config = found.cli_config(TOFU_REGISTRY, scratch)
    served = scratch / "mirror-0"
    assert f'path    = "{served}"' in config
    package = served / TOFU_REGISTRY / "hashicorp" / "aws"
    assert (package / "5.100.0/linux_amd64").resolve() == (
        root / REGISTRY / "hashicorp/aws/5.100.0/linux_amd64"
    )
    assert (package / "terraform-provider-aws_5.99.0_linux_amd64.zip").is_symlink()


def test_opentofu_prefers_own_registry(environ: dict[str, str], tmp_path: Path) -> None:
    root = unpacked(unpacked(tmp_path / "root"), host=TOFU_REGISTRY)
    assert find_provider(TERRAFORM, environ, [str(root)]).mirrors == (Mirror(root, REGISTRY),)
    assert find_provider(TOFU, environ, [str(root)]).mirrors == (Mirror(root, TOFU_REGISTRY),)


@given(st.text(st.characters(min_codepoint=32, exclude_categories=["Cs", "Cc"])))
def test_quoted_keeps_every_character(text: str) -> None:
    written = quoted(text)
    plain = written.replace("$${", "${").replace("%%{", "%{")
    assert json.loads(plain) == text
