// My machine: what runs on an operating system and a CPU target.

const STATES = [
    ["exact", "exact", "built for this OS and target"],
    ["same os", "same OS", "built on this OS for an ancestor of the target"],
    ["older libc", "older C library", "built on another OS, whose C library is not newer"],
    ["missing", "missing", "no binary runs there"],
];

// How a spec runs on a host, by the rule of macro usable_on_any_os: its target is the host's or an
// ancestor, and its OS is the host's or has a C library that is not newer.
function matchOf(spec, os, target) {
    const distance = (page.targets[target] ?? [target]).indexOf(spec.target);
    if (distance < 0) return null;
    if (spec.os === os) return { state: spec.target === target ? "exact" : "same os", distance };
    return hasLibcFor(spec, os) ? { state: "older libc", distance } : null;
}

// Whether an operating system's C library is at least as new as the spec's: the one that its index
// records, or that of the OS it was built on.
function hasLibcFor(spec, os) {
    const host = page.systems[os];
    const built = spec.glibc ? { libc: "glibc", version: spec.glibc } : page.systems[spec.os];
    return Boolean(host && built) && host.platform === spec.platform && host.libc === built.libc
        && compareVersions(built.version, host.version) <= 0;
}

function compareVersions(one, other) {
    const [left, right] = [one, other].map((version) => version.split(".").map(Number));
    const place = left.findIndex((part, index) => part !== right[index]);
    return place < 0 ? left.length - right.length : left[place] - (right[place] ?? -1);
}

const rankOf = (match) => (match ? STATES.findIndex(([state]) => state === match.state) : 3);

// Each package with the best of its specs for a host.
function packagesFor(snapshot, os, target) {
    const dependents = new Map(snapshot.dependents.map((row) => [row.package, row.dependent_count]));
    const best = new Map();
    for (const spec of snapshot.specs) {
        const match = matchOf(spec, os, target);
        if (!match || (state.exactos && match.state === "older libc")) continue;
        const known = best.get(spec.package);
        const isBetter = !known || rankOf(match) - rankOf(known.match)
            || match.distance - known.match.distance
            || snapshot.places.get(known.spec.version) - snapshot.places.get(spec.version);
        if (isBetter === true || isBetter < 0) best.set(spec.package, { spec, match });
    }
    return snapshot.packages.map((row) => ({
        package: row.package,
        state: best.get(row.package)?.match.state ?? "missing",
        spec: best.get(row.package)?.spec,
        dependents: dependents.get(row.package) ?? 0,
    }));
}

function showMachine(snapshot) {
    const box = document.getElementById("machine-result");
    const { os, target } = state;
    document.getElementById("host-exact").checked = Boolean(state.exactos);
    for (const [id, value] of [["host-os", os], ["host-target", target]]) {
        const input = document.getElementById(id);
        // Keep what is being typed: it is not selected yet.
        if (input !== document.activeElement) input.value = value;
    }
    if (!os || !target) {
        box.replaceChildren(element("p", { class: "note" }, "Choose an operating system and a CPU target by Spack's names; ",
            element("code", {}, "spack arch"), " prints those of a machine."));
        return;
    }
    const unknown = [
        ...(page.targets[target] ? [] : [`No snapshot has a binary that runs on target ${target}.`]),
        ...(page.systems[os] || state.exactos || snapshot.environments.some((one) => one.os === os) ? []
            : [`The C library of ${os} is unknown: only binaries built on it count.`]),
    ];
    const rows = packagesFor(snapshot, os, target);
    const counts = Object.fromEntries(STATES.map(([key]) => [key, rows.filter((row) => row.state === key).length]));
    const runs = rows.length - counts.missing;
    const hasDependents = snapshot.dependents.length > 0;
    const columns = [
        { title: "package", value: (row) => row.package, cell: (row) => packageLink(row.package) },
        { title: "runs there", value: (row) => STATES.findIndex(([key]) => key === row.state), cell: (row) => stateMark(row.state) },
        ...(hasDependents ? [{ title: "dependents", number: true, value: (row) => row.dependents, cell: (row) => number(row.dependents) }] : []),
        { title: "version", value: (row) => (row.spec ? snapshot.places.get(row.spec.version) : -1), cell: (row) => row.spec?.version ?? "–", kind: "version" },
        { title: "built for", value: (row) => (row.spec ? keyOf(row.spec) : ""), cell: (row) => (row.spec ? keyOf(row.spec) : "–") },
    ];
    const table = sortedTable({
        label: "Packages for this machine",
        caption: (count) => `${counted(count, "package")} of ${snapshot.tag} for ${os} on ${target}`
            + (hasDependents ? "; dependents are the packages that link to it or run it." : "."),
        columns,
        rows: rows.filter((row) => !state.runs || row.state === state.runs),
        sort: hasDependents ? { column: columns[2], falling: true } : { column: columns[1], falling: true },
        limit: 15,
    });
    const filter = choiceOf("Show", [["", "all"], ...STATES.map(([key, text]) => [key, text])], state.runs,
        (value) => go({ runs: value }), "machine-filter");
    box.replaceChildren(
        ...unknown.map((text) => element("p", { class: "warning" }, text)),
        element("p", { id: "machine-count" }, element("strong", {}, packageShare(runs, rows.length)), ` of ${snapshot.tag} run there${state.exactos ? ", built on the same OS" : ""}.`),
        element("ul", { class: "facts" }, ...STATES.map(([key, , meaning]) => element("li", {},
            stateMark(key), ` ${number(counts[key])}`, element("span", { class: "detail" }, meaning)))),
        element("div", { class: "controls" }, filter), table.box);
    if (hasDependents && counts.missing) {
        const needed = rows.filter((row) => row.state === "missing" && row.dependents)
            .sort((one, other) => other.dependents - one.dependents || compare(one.package, other.package)).slice(0, 10);
        if (needed.length) {
            box.querySelector(".facts").after(element("p", {}, "Missing packages with most dependents: ",
                ...needed.flatMap((row, index) => [index ? ", " : "", packageLink(row.package), ` (${number(row.dependents)})`]), "."));
        }
    }
}

function stateMark(key) {
    const signs = { exact: "✓", "same os": "≈", "older libc": "≈", missing: "–" };
    const kinds = { exact: "exact", missing: "missing" };
    return mark(signs[key], STATES.find(([state]) => state === key)[1], kinds[key] ?? "compatible");
}
