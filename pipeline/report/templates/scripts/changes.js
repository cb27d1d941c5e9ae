// Changes from one snapshot to another: those of a snapshot since the one before as view
// snapshot_changes has them, those of any two as macro compare_snapshots has them.

const CHANGES = { lost: "✕", gained: "+", downgraded: "↓", upgraded: "↑", "versions changed": "↕", rebuilt: "↻" };
// What needs a person comes first; a whole environment that went is one decision of somebody.
const CAUSES = ["cell dropped", "package dropped", "stack dropped", "environment dropped",
    "cell added", "package added", "stack added", "environment added", null];

async function changesOf(snapshot) {
    const from = state.from || snapshot.previous_tag;
    if (!from || from === snapshot.tag) return { from: null, rows: [] };
    if (from === snapshot.previous_tag) return { from, rows: snapshot.changes };
    return { from, rows: compareSnapshots(await loadSnapshot(from), snapshot) };
}

// The rows of compare_snapshots(from, to).
function compareSnapshots(from, to) {
    const cells = [from, to].map((snapshot) => groupBy(snapshot.specs, (spec) => `${spec.package} ${keyOf(spec)}`));
    const packages = [from, to].map((snapshot) => new Set(snapshot.packages.map((row) => row.package)));
    const environments = [from, to].map((snapshot) => new Set(snapshot.environments.map(({ key }) => key)));
    const stacks = [from, to].map((snapshot) => new Set(snapshot.stacks.map((row) => row.stack)));
    const setOf = (specs, value) => new Set(specs.map(value));
    const length = Math.min(...[from, to].map(({ specs }) => specs[0]?.hash.length ?? 0));
    const hashOf = (spec) => spec.hash.slice(0, length);
    // Why a cell that only one side has is not on the other, the first cause that holds.
    const causeOf = (spec, specs, other, word) => {
        if (!packages[other].has(spec.package)) return `package ${word}`;
        if (!environments[other].has(keyOf(spec))) return `environment ${word}`;
        const listed = specs.flatMap((one) => one.stacks);
        const isInRoot = specs.some((one) => one.is_in_root);
        const lasts = listed.some((stack) => stacks[other].has(stack)) || (isInRoot && hasRoot([from, to][other]));
        return listed.length && !lasts ? `stack ${word}` : `cell ${word}`;
    };
    const rows = [];
    for (const key of new Set([...cells[0].keys(), ...cells[1].keys()])) {
        const [before, now] = cells.map((side) => side.get(key) ?? []);
        const spec = now[0] ?? before[0];
        const row = { package: spec.package, platform: spec.platform, os: spec.os, target: spec.target,
            previous_spec_count: before.length, spec_count: now.length, cause: null };
        if (!before.length) rows.push({ ...row, change: "gained", cause: causeOf(spec, now, 0, "added") });
        else if (!now.length) rows.push({ ...row, change: "lost", cause: causeOf(spec, before, 1, "dropped") });
        else {
            const [old, current] = [before, now].map((specs) => setOf(specs, (one) => one.version));
            if (old.size !== current.size || [...old].some((version) => !current.has(version))) rows.push({ ...row, change: "upgraded" });
            else {
                const hashes = setOf(before, hashOf);
                if (!now.some((one) => hashes.has(hashOf(one)))) rows.push({ ...row, change: "rebuilt" });
            }
        }
    }
    return rows;
}

const hasRoot = (snapshot) => snapshot.specs.some((spec) => spec.is_in_root);

async function showChanges(snapshot) {
    const box = document.getElementById("change-table");
    const { from, rows } = await changesOf(snapshot);
    const choices = choiceOf("Since", [
        ["", snapshot.previous_tag ? `${snapshot.previous_tag} (the one before)` : "no earlier one of its kind"],
        ...page.snapshots.filter((row) => row.tag !== snapshot.tag && row.tag !== snapshot.previous_tag).map((row) => [row.tag, row.tag]),
    ], state.from === snapshot.tag ? "" : state.from, (value) => go({ from: value }), "change-from");
    const kinds = Object.keys(CHANGES);
    const filter = choiceOf("Show", [["", "all changes"], ...kinds.map((kind) => [kind, kind])], state.change,
        (value) => go({ change: value }), "change-filter");
    showChangeCounts(snapshot, from, rows);
    if (!from) {
        box.replaceChildren(element("div", { class: "controls" }, choices),
            element("p", {}, `${snapshot.tag} has no earlier snapshot of its kind to compare with.`));
        return;
    }
    const kindOf = (tag) => page.snapshots.find((row) => row.tag === tag).kind;
    const shown = rows.filter((row) => !state.change || row.change === state.change);
    const groups = [...groupBy(shown, (row) => `${kinds.indexOf(row.change)} ${CAUSES.indexOf(row.cause)}`)]
        .sort(([one], [other]) => compare(one, other));
    box.replaceChildren(
        element("div", { class: "controls" }, choices, filter),
        element("p", { class: "change-caption" }, `${counted(shown.length, "changed cell")} of ${snapshot.tag} since ${from}, lost first.`
            + (kindOf(from) === snapshot.kind ? "" : " The two are of different kinds, so read lost as “not in” the second, and gained as “only in” it.")),
        ...groups.map(([, list]) => changeGroup(snapshot, list)));
}

function changeGroup(snapshot, rows) {
    const { change, cause } = rows[0];
    const environments = new Set(rows.map(keyOf)).size;
    const packages = new Set(rows.map((row) => row.package)).size;
    const columns = [
        { title: "package", value: (row) => row.package, cell: (row) => packageLink(row.package) },
        { title: "environment", value: keyOf, cell: keyOf },
        { title: "specs before", number: true, value: (row) => row.previous_spec_count, cell: (row) => number(row.previous_spec_count) },
        { title: "specs now", number: true, value: (row) => row.spec_count, cell: (row) => number(row.spec_count) },
    ];
    const details = element("details", { class: "change-group", "data-change": change, "data-cause": cause ?? "" },
        element("summary", {}, mark(CHANGES[change], change, change), cause ? `, ${cause}` : "", ": ",
            element("strong", {}, counted(rows.length, "cell")),
            ` (${counted(packages, "package")} in ${counted(environments, "environment")})`));
    const fill = () => {
        if (details.childElementCount > 1) return;
        details.append(sortedTable({
            label: `${change}${cause ? `, ${cause}` : ""}`,
            caption: (count) => `${counted(count, "cell")} ${change}${cause ? `: ${cause}` : ""}.`,
            columns,
            rows,
        }).box);
    };
    details.addEventListener("toggle", fill);
    addEventListener("beforeprint", () => { if (details.isConnected) fill(); });
    details.open = Boolean(state.change) || cause === "cell dropped";
    return details;
}

// The overview's card follows the snapshot that is chosen.
function showChangeCounts(snapshot, from, rows) {
    const card = document.getElementById("changed");
    if (!from) {
        card.replaceChildren(element("p", {}, "There is no earlier snapshot of its kind to compare with."));
        return;
    }
    const byChange = groupBy(rows, (row) => row.change);
    const causes = [...groupBy(rows.filter((row) => row.cause), (row) => `${row.change}, ${row.cause}`)]
        .map(([words, list]) => `${words}: ${number(list.length)}`);
    card.replaceChildren(
        element("p", {}, `${snapshot.tag} since ${from}, in cells: a package in an environment.`),
        element("dl", {}, ...Object.keys(CHANGES).filter((change) => byChange.has(change)).map((change) => element("div", { class: change },
            element("dt", {}, change),
            element("dd", {}, element("a", { href: "#changes", "data-change": change, onclick: (event) => {
                event.preventDefault();
                go({ change, section: "changes" });
            } }, number(byChange.get(change).length))))),
        rows.length ? null : element("div", {}, element("dt", {}, "changes"), element("dd", {}, "none"))),
        causes.length ? element("p", {}, `${causes.sort(compare).join("; ")}.`) : null);
}
