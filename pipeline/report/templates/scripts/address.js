// The address: what is chosen stands in the URL's fragment, so that it can be linked and gone back to.

const DEFAULTS = {
    snapshot: page.snapshots.find((row) => row.is_newest)?.tag ?? "",
    mode: "exact", // or same-os, or compatible
    show: "packages", // in the cells of matrices: packages, share or specs
    targets: "each", // or family
    section: "",
    cell: "", // compiler|os|target, each empty for all
    package: "",
    search: "",
    filter: "all",
    from: "", // the snapshot to compare with; empty for the one before
    change: "",
    os: page.host?.os ?? "",
    target: page.host?.target ?? "",
    exactos: "", // or 1: only what was built on the host's OS
};
let state = { ...DEFAULTS };

function readAddress() {
    const text = location.hash.slice(1);
    if (!text.includes("=")) return { ...DEFAULTS, section: document.getElementById(text) ? text : "" };
    const read = { ...DEFAULTS };
    for (const [key, value] of new URLSearchParams(text)) if (key in read) read[key] = value;
    if (!page.snapshots.some((row) => row.tag === read.snapshot)) read.snapshot = DEFAULTS.snapshot;
    return read;
}

function addressOf(next) {
    const changed = Object.entries(next).filter(([key, value]) => value !== DEFAULTS[key]);
    return `#${new URLSearchParams(changed)}`;
}

// Choose something. What is merely typed replaces the last step instead of adding one.
function go(changes, { replace = false } = {}) {
    // From the address: what was chosen a moment ago is there already.
    const current = readAddress();
    const address = addressOf({ ...current, ...changes });
    if (address === addressOf(current)) return;
    if (replace) location.replace(address);
    else location.hash = address;
}
