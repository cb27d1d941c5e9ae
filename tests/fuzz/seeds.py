"""Seeds for fuzzing: pages in every dialect, and fragments that are hard to parse."""

from __future__ import annotations

from tests.writing import make_spec, site_page, yaml_page

SPECS = [make_spec(1), make_spec(2, stacks=[], size=5, compiler="none", tarball="x")]
SEEDS = [
    text.encode()
    for text in (
        site_page(),
        site_page(specs=SPECS),
        site_page(specs=[]),
        site_page(specs=[make_spec(1, new={"a": [1, None, 1.5, True]})], meta={}),
        yaml_page(specs=SPECS),
        yaml_page(specs=SPECS, flow=True),
        yaml_page(specs=[make_spec(1), make_spec(2, os="a b"), make_spec(1)]),
        site_page().replace("\n", "\r\n"),
        "\ufeff" + site_page(),
        "---\ntitle: x\ncategories: [package, develop]\nspec_files: []\n---\n",
    )
]
TOKENS = [
    text.encode(errors="surrogatepass")
    for text in (
        *("---", "...", "\n", "\r", "\r\n", "\t", "  ", ": ", ", ", "- ", "? ", "# ", "''"),
        *('"', "'", "[", "]", "{", "}", "[]", "{}", "[[", "]]", "}, {", "\\", "|\n", ">\n"),
        *("&a ", "*a", "<<: *a", "!!", "!!str ", "!!int ", "!!binary ", "!!set ", "!!omap "),
        *("!!python/name:os.system", "%YAML 1.1\n", "%TAG ! x\n", "!<tag:yaml.org,2002:int> "),
        *("null", "~", "true", "no", "NaN", ".nan", ".inf", "-", "0", "-1", "1e400", "1_0", "1.0"),
        *("0x10", "0b1", "010", "1:30", "9" * 19, "9" * 40, "2025-03-30", "2025-13-01", "=", "@="),
        *("\\u0000", "\\ud800", "\\ud83d\\ude00", "\\/", "\\x1b", "\\e", "\\N", "\\\n"),
        *(
            "\ufeff",
            "\x00",
            "\x7f",
            "\x85",
            "\u2028",
            "\u202e",
            "\xa0",
            "é",
            "\U0001f600",
            "\udc00",
        ),
        *(
            '"hash": ',
            '"size": 5',
            '"size number": 5',
            '"stacks": null',
            '"stacks": [null]',
            "a" * 32,
        ),
        *("title", "layout", "categories", "meta", "spec_details", "spec_files", "tarball"),
        *("gcc@=1", "none", "root", "..", "../..", ":=", "+x", "package", "develop"),
    )
] + [b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xf4\x90\x80\x80"]
