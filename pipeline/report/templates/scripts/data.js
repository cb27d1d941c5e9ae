// Data: files of it are loaded by script tags, since a page from disk may not fetch.

const page = JSON.parse(document.getElementById("page-data").textContent);
const arrivals = new Map(); // file name to who waits for its data
const files = new Map(); // file name to a promise of its data

// What each file of data calls, with itself in base64 of compressed JSON.
function coverageData(name, packed) {
    arrivals.get(name)(packed);
}
window.coverageData = coverageData;

async function unpack(packed) {
    const bytes = Uint8Array.from(atob(packed), (letter) => letter.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    const data = await new Response(stream).json();
    for (const [name, values] of Object.entries(data.values)) data.values[name] = values.map(shown);
    return data;
}

// Text without control characters and marks of direction, as pipeline/text.py writes them out.
function shown(value) {
    if (Array.isArray(value)) return value.map(shown);
    return value.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu,
        (letter) => `\\u${letter.codePointAt(0).toString(16).padStart(4, "0")}`);
}

function loadFile(name) {
    if (!files.has(name)) {
        files.set(name, new Promise((resolve, reject) => {
            arrivals.set(name, (packed) => resolve(unpack(packed)));
            const script = document.createElement("script");
            script.src = `data/${name}.js`;
            script.onerror = () => {
                files.delete(name);
                reject(new Error(`data/${name}.js is missing: keep the whole folder together`));
            };
            document.head.append(script);
        }));
    }
    return files.get(name);
}

// Rows of a table as objects; with `indexes`, those alone.
function rowsOf(data, name, indexes) {
    const columns = Object.entries(data.tables[name]).map(([column, places]) =>
        [column, places, data.values[column]]);
    const length = columns[0][1].length;
    const chosen = indexes ?? Array.from({ length }, (_, index) => index);
    return chosen.map((index) => Object.fromEntries(columns.map(([column, places, values]) => {
        if (column === "hash") return [column, places.slice(32 * index, 32 * index + 32)];
        const place = places[index];
        return [column, values && place !== null ? values[place] : place];
    })));
}

function rowsWith(data, name, column, value) {
    const wanted = data.values[column].indexOf(value);
    const places = data.tables[name][column];
    const indexes = [];
    places.forEach((place, index) => {
        if (place === wanted) indexes.push(index);
    });
    return rowsOf(data, name, indexes);
}

// The builds that a snapshot of the history has, each with its number of specs.
function buildsOf(data, tag) {
    const runs = data.tables.runs;
    const wanted = page.history.indexOf(tag);
    const indexes = [];
    const counts = [];
    let build = -1;
    let next = 0; // the snapshot after the run before
    runs.build.forEach((step, index) => {
        if (step) next = 0;
        build += step;
        const first = next + runs.skip[index];
        next = first + runs.length[index];
        if (first <= wanted && wanted < next) {
            indexes.push(build);
            counts.push(runs.specs[index]);
        }
    });
    return rowsOf(data, "builds", indexes).map((row, index) => ({ ...row, specs: counts[index] }));
}

async function loadSnapshot(tag) {
    const known = page.snapshots.find((row) => row.tag === tag);
    const data = await loadFile(known.file);
    const snapshot = { ...known, places: new Map() };
    for (const name of ["matrix", "packages", "changes", "stacks", "overlap", "duplicates"]) {
        snapshot[name] = rowsWith(data, name, "tag", tag);
    }
    snapshot.specs = known.is_newest
        ? rowsOf(data, "builds").map((row) => ({ ...row, specs: 1 }))
        : buildsOf(data, tag);
    data.values.version?.forEach((version, index) =>
        snapshot.places.set(version, data.version_places[index]));
    snapshot.environments = environmentsOf(snapshot.specs);
    return snapshot;
}

function environmentsOf(specs) {
    const found = new Map(specs.map((spec) => [keyOf(spec), spec]));
    return [...found.keys()].sort(compare).map((key) => {
        const { platform, os, target } = found.get(key);
        return { key, platform, os, target };
    });
}

function keyOf({ platform, os, target }) {
    return `${platform}-${os}-${target}`;
}

// Whether a binary for one target runs on another, and how near the two are.
function distance(host, binary) {
    return (page.runs_on[host] ?? [host]).indexOf(binary);
}
