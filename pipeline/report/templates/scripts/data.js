// Data: its files are loaded by script tags, since a page from disk may not fetch.

const page = JSON.parse(document.getElementById("page-data").textContent);
const arrivals = new Map(); // path of a file to what takes its data
const files = new Map(); // path of a file to a promise of its data

// Each data file calls this, with its content as compressed JSON in base64.
function coverageData(path, packed) {
    arrivals.get(path)(packed);
}
window.coverageData = coverageData;

async function unpack(packed) {
    const bytes = Uint8Array.from(atob(packed), (letter) => letter.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    const data = await new Response(stream).json();
    for (const [name, values] of Object.entries(data.values)) data.values[name] = values.map(printable);
    return data;
}

// Escape control characters and marks of direction, as pipeline/text.py does.
function printable(value) {
    if (Array.isArray(value)) return value.map(printable);
    return value.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu,
        (letter) => `\\u${letter.codePointAt(0).toString(16).padStart(4, "0")}`);
}

function loadFile(path) {
    if (!files.has(path)) {
        files.set(path, new Promise((resolve, reject) => {
            arrivals.set(path, (packed) => resolve(unpack(packed)));
            const script = document.createElement("script");
            script.src = path.split("/").map(encodeURIComponent).join("/");
            script.onerror = () => {
                files.delete(path);
                reject(new Error(`${path} is missing: keep the whole folder together`));
            };
            document.head.append(script);
        }));
    }
    return files.get(path);
}

// Rows of a table as objects; with `indexes`, those alone.
function rowsOf(data, name, indexes) {
    const columns = Object.entries(data.tables[name]).map(([column, places]) =>
        [column, places, data.values[valueName(column)]]);
    const hashes = data.tables[name].hash;
    const length = columns.find(([column]) => column !== "hash")?.[1].length ?? 0;
    const hashLength = hashes ? hashes.length / length : 0;
    const chosen = indexes ?? Array.from({ length }, (_, index) => index);
    return chosen.map((index) => Object.fromEntries(columns.map(([column, places, values]) => {
        if (column === "hash") return [column, places.slice(hashLength * index, hashLength * (index + 1))];
        const place = places[index];
        return [column, values && place !== null ? values[place] : place];
    })));
}

// All columns of versions share their values.
function valueName(column) {
    return column.endsWith("newest_version") ? "version" : column;
}

function rowsWith(data, name, column, value) {
    const wanted = data.values[valueName(column)]?.indexOf(value);
    const indexes = [];
    data.tables[name][column].forEach((place, index) => {
        if (place === wanted) indexes.push(index);
    });
    return rowsOf(data, name, indexes);
}

const SNAPSHOT_TABLES = ["cells", "changes", "dependents", "duplicates", "gaps", "matrix", "membership", "overlap",
    "packages", "refused", "specs", "stacks"];

async function loadSnapshot(tag) {
    const known = page.snapshots.find((row) => row.tag === tag);
    const data = await loadFile(`data/snapshots/${tag}.js`);
    const snapshot = { ...known, places: placesOf(data) };
    for (const name of SNAPSHOT_TABLES) snapshot[name] = rowsOf(data, name);
    const environments = new Map(snapshot.cells.map((cell) => [keyOf(cell), cell]));
    snapshot.environments = [...environments].map(([key, { platform, os, target }]) => ({ key, platform, os, target }))
        .sort((one, other) => compare(one.key, other.key));
    return snapshot;
}

// The rank of each version in Spack's order.
function placesOf(data) {
    return new Map((data.values.version ?? []).map((version, index) => [version, data.version_places[index]]));
}

const loadHistory = () => loadFile("data/history.js");

function keyOf({ platform, os, target }) {
    return `${platform}-${os}-${target}`;
}

function groupBy(rows, key) {
    const groups = new Map();
    for (const row of rows) {
        const name = key(row);
        if (groups.has(name)) groups.get(name).push(row);
        else groups.set(name, [row]);
    }
    return groups;
}
