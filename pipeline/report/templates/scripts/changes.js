// Changes from one snapshot to another: those of a snapshot since the one before as view
// snapshot_changes has them, those of any two as macro compare_snapshots has them.

const CHANGES = { lost: "✕", gained: "+", downgraded: "↓", upgraded: "↑", "versions changed": "↕", rebuilt: "↻" };
// What needs a person comes first; an environment that was dropped as a whole is one decision.
const CAUSES = ["unreadable", "cell dropped", "package dropped", "stack dropped", "environment dropped",
    "cell added", "package added", "stack added", "environment added", null];

// Between snapshots of two lines nothing was lost or gained: the words say what each lacks.
const BETWEEN_LINES = { lost: "not in", gained: "only in", unreadable: "unreadable", downgraded: "older", upgraded: "newer",
    "versions changed": "other versions", rebuilt: "other builds" };

const MEMBERS_SHOWN = 6; // in the overview

async function changesOf(snapshot) {
    const from = state.from || snapshot.previous_tag;
    if (!from || from === snapshot.tag) return { from: null, rows: [], membership: [] };
    if (from === snapshot.previous_tag) return { from, rows: snapshot.changes, membership: snapshot.membership };
    const before = await loadSnapshot(from);
    const rows = compareSnapshots(before, snapshot);
    return { from, rows, membership: compareMembership(before, snapshot, rows) };
}

// Whether one of two snapshots follows the other.
function areInLine(from, snapshot) {
    const other = page.snapshots.find((row) => row.tag === from);
    return Boolean(snapshot.line) && other.line === snapshot.line && other.kind === snapshot.kind;
}

// A change or its cause, in the words for these two snapshots.
function worded(words, from, snapshot) {
    if (!words || areInLine(from, snapshot)) return words;
    const [part, last] = words.split(" ");
    if (["dropped", "added"].includes(last)) return part === "cell" ? "single cells" : `whole ${part}`;
    return ["lost", "gained"].includes(words) ? `${BETWEEN_LINES[words]} ${snapshot.tag}` : BETWEEN_LINES[words];
}

// The rows of compare_snapshots(from, to).
function compareSnapshots(from, to) {
    const cells = [from, to].map((snapshot) => groupBy(snapshot.specs, (spec) => `${spec.package} ${keyOf(spec)}`));
    const packages = [from, to].map((snapshot) => new Set(snapshot.packages.map((row) => row.package)));
    const environments = [from, to].map((snapshot) => new Set(snapshot.environments.map(({ key }) => key)));
    const stacks = [from, to].map((snapshot) => new Set(snapshot.stacks.map((row) => row.stack)));
    const setOf = (specs, value) => new Set(specs.map(value));
    const refused = [from, to].map((snapshot) => new Set(snapshot.refused.map((row) => row.package)));
    // An unreadable page may have its package, an unreadable index any package.
    const isUnreadable = (name, side) => refused[side].has(name) || refused[side].has(null);
    const length = Math.min(...[from, to].map(({ specs }) => specs[0]?.hash.length ?? 0));
    const hashOf = (spec) => spec.hash.slice(0, length);
    // Why only one side has a cell: the first cause that applies.
    const causeOf = (spec, specs, other, word) => {
        if (isUnreadable(spec.package, other)) return "unreadable";
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
            previous_spec_count: before.length, spec_count: now.length, cause: null,
            changed_stacks: [...new Set([before, now].flatMap((specs, side) => specs.flatMap((one) => one.stacks)
                .filter((stack) => !stacks[1 - side].has(stack))))].sort() };
        if (!before.length) rows.push({ ...row, change: "gained", cause: causeOf(spec, now, 0, "added") });
        else if (!now.length) rows.push({ ...row, change: "lost", cause: causeOf(spec, before, 1, "dropped") });
        else {
            const [old, current] = [before, now].map((specs) => setOf(specs, (one) => one.version));
            if (old.size !== current.size || [...old].some((version) => !current.has(version))) {
                const newest = [old, current].map((versions, side) => Math.max(...[...versions].map((version) => [from, to][side].places.get(version))));
                rows.push({ ...row, change: newest[1] > newest[0] ? "upgraded" : newest[1] < newest[0] ? "downgraded" : "versions changed" });
            } else {
                const hashes = setOf(before, hashOf);
                if (!now.some((one) => hashes.has(hashOf(one)))) rows.push({ ...row, change: "rebuilt" });
            }
        }
    }
    return rows;
}

// The rows of compare_membership(from, to).
function compareMembership(from, to, changes) {
    const members = [from, to].map((snapshot) => {
        const found = new Map();
        const add = (kind, member, spec) => {
            const key = `${kind} ${member}`;
            if (!found.has(key)) found.set(key, { member_kind: kind, member, packages: new Set(), cells: new Set(), spec_count: 0 });
            found.get(key).packages.add(spec.package);
            found.get(key).cells.add(`${spec.package} ${keyOf(spec)}`);
            found.get(key).spec_count += 1;
        };
        for (const spec of snapshot.specs) {
            add("environment", keyOf(spec), spec);
            add("package", spec.package, spec);
            for (const stack of spec.stacks) add("stack", stack, spec);
        }
        return found;
    });
    return [from, to].flatMap((snapshot, side) => {
        const change = side ? "gained" : "lost";
        const ofChange = changes.filter((row) => row.change === change);
        const { refused } = side ? from : to;
        const isUnreadable = ({ member_kind: kind, member }) => refused.some((row) => (row.package !== null
            ? kind === "package" && row.package === member
            : kind !== "stack" || ["", member].includes(row.stack)));
        return [...members[side]].filter(([key]) => !members[1 - side].has(key)).map(([, { packages, cells, ...row }]) => ({
            ...row,
            change: isUnreadable(row) ? "unreadable" : change,
            package_count: packages.size,
            cell_count: cells.size,
            changed_cell_count: ofChange.filter((one) => ({ stack: one.changed_stacks, environment: [keyOf(one)], package: [one.package] })[row.member_kind]
                .includes(row.member)).length,
        }));
    });
}

// Stacks and environments that were removed or added as a whole, up to a limit, then packages.
function membershipList(membership, worder, limit = Infinity) {
    const order = (row) => ["lost", "unreadable", "gained"].indexOf(row.change) * 3 + ["stack", "environment", "package"].indexOf(row.member_kind);
    const rows = [...membership].sort((one, other) => order(one) - order(other)
        || other.changed_cell_count - one.changed_cell_count || other.cell_count - one.cell_count || compare(one.member, other.member));
    // "lost stack hep", but "stack hep not in develop".
    const told = (change, ...named) => {
        const words = element("span", { class: change }, worder(change));
        return worder(change) === change ? [words, " ", ...named] : [...named, " ", words];
    };
    const items = rows.filter((row) => row.member_kind !== "package").map((row) => element("li", {},
        ...told(row.change, `${row.member_kind} `, element("strong", {}, row.member)),
        `, with ${number(row.changed_cell_count)} of its ${counted(row.cell_count, "cell")}`));
    if (items.length > limit) items.push(element("li", {}, `and ${number(items.splice(limit).length)} more, under Changes`));
    for (const [change, list] of groupBy(rows.filter((row) => row.member_kind === "package"), (row) => row.change)) {
        items.push(element("li", {}, ...told(change, counted(list.length, "package")), ": ",
            ...list.slice(0, 10).flatMap((row, index) => [index ? ", " : "", packageLink(row.member)]),
            list.length > 10 ? ` and ${number(list.length - 10)} more` : null));
    }
    return items.length ? element("ul", { class: "membership" }, ...items) : null;
}

const hasRoot = (snapshot) => snapshot.specs.some((spec) => spec.is_in_root);

async function showChanges(snapshot) {
    const box = document.getElementById("change-table");
    const { from, rows, membership } = await changesOf(snapshot);
    const choices = choiceOf("Since", [
        ["", snapshot.previous_tag ? `${snapshot.previous_tag} (previous)` : "no earlier snapshot of the same kind"],
        ...page.snapshots.filter((row) => row.tag !== snapshot.tag && row.tag !== snapshot.previous_tag).map((row) => [row.tag, row.tag]),
    ], state.from === snapshot.tag ? "" : state.from, (value) => go({ from: value }), "change-from");
    const kinds = Object.keys(CHANGES);
    const filter = choiceOf("Show", [["", "all changes"], ...kinds.map((kind) => [kind, kind])], state.change,
        (value) => go({ change: value }), "change-filter");
    showChangeCounts(snapshot, from, rows, membership);
    if (!from) {
        box.replaceChildren(element("div", { class: "controls" }, choices),
            element("p", {}, `${snapshot.tag} has no earlier snapshot of the same kind to compare with.`));
        return;
    }
    const worder = (words) => worded(words, from, snapshot);
    const shown = rows.filter((row) => !state.change || row.change === state.change);
    const groups = [...groupBy(shown, (row) => `${kinds.indexOf(row.change)} ${CAUSES.indexOf(row.cause)}`)]
        .sort(([one], [other]) => compare(one, other));
    box.replaceChildren(
        element("div", { class: "controls" }, choices, filter),
        element("p", { class: "change-caption" }, areInLine(from, snapshot)
            ? `${counted(shown.length, "changed cell")} of ${snapshot.tag} since ${from}, lost first.`
            : `${counted(shown.length, "cell")} in which ${snapshot.tag} differs from ${from}; the two are of different lines.`),
        membershipList(membership, worder) ?? "",
        ...groups.map(([, list]) => changeGroup(list, worder)));
}

function changeGroup(rows, worder) {
    const { change, cause } = rows[0];
    const environments = new Set(rows.map(keyOf)).size;
    const packages = new Set(rows.map((row) => row.package)).size;
    const columns = [
        { title: "package", value: (row) => row.package, cell: (row) => packageLink(row.package) },
        { title: "environment", value: keyOf, cell: keyOf },
        ...(rows.some((row) => row.changed_stacks.length) ? [{ title: change === "lost" ? "stacks removed" : change === "gained" ? "stacks added" : "stacks removed or added",
            value: (row) => row.changed_stacks.join(" "), cell: (row) => row.changed_stacks.join(", ") || "–", kind: "wrap" }] : []),
        { title: "specs before", number: true, value: (row) => row.previous_spec_count, cell: (row) => number(row.previous_spec_count) },
        { title: "specs now", number: true, value: (row) => row.spec_count, cell: (row) => number(row.spec_count) },
    ];
    const details = element("details", { class: "change-group", "data-change": change, "data-cause": cause ?? "" },
        element("summary", {}, mark(CHANGES[change], worder(change), change), cause ? `, ${worder(cause)}` : "", ": ",
            element("strong", {}, counted(rows.length, "cell")),
            ` (${counted(packages, "package")} in ${counted(environments, "environment")})`));
    const fill = () => {
        if (details.childElementCount > 1) return;
        details.append(sortedTable({
            label: `${change}${cause ? `, ${cause}` : ""}`,
            caption: (count) => `${counted(count, "cell")} ${worder(change)}${cause ? `: ${worder(cause)}` : ""}.`,
            columns,
            rows,
        }).box);
    };
    details.addEventListener("toggle", fill);
    addEventListener("beforeprint", () => { if (details.isConnected) fill(); });
    details.open = Boolean(state.change) || cause === "cell dropped";
    return details;
}

// The overview's card follows the selected snapshot.
function showChangeCounts(snapshot, from, rows, membership) {
    const card = document.getElementById("changed");
    if (!from) {
        card.replaceChildren(element("p", {}, "There is no earlier snapshot of the same kind to compare with."));
        return;
    }
    const byChange = groupBy(rows, (row) => row.change);
    const worder = (words) => worded(words, from, snapshot);
    const causes = [...groupBy(rows.filter((row) => row.cause), (row) => `${worder(row.change)}, ${worder(row.cause)}`)]
        .map(([words, list]) => `${words}: ${number(list.length)}`);
    card.replaceChildren(
        element("p", {}, `${snapshot.tag} ${areInLine(from, snapshot) ? "since" : "and"} ${from}, in cells: a package in an environment.`),
        membershipList(membership, worder, MEMBERS_SHOWN) ?? "",
        element("dl", {}, ...Object.keys(CHANGES).filter((change) => byChange.has(change)).map((change) => element("div", { class: change },
            element("dt", {}, worder(change)),
            element("dd", {}, element("a", {
                href: addressOf({ ...DEFAULTS, snapshot: state.snapshot, from: state.from, change, section: "changes" }),
                "data-change": change,
            }, number(byChange.get(change).length))))),
        rows.length ? null : element("div", {}, element("dt", {}, "changes"), element("dd", {}, "none"))),
        causes.length ? element("p", {}, `${causes.sort(compare).join("; ")}.`) : null);
}
