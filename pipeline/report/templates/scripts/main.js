// The page: a snapshot and a way of counting are chosen, and what depends on them is shown.

const choice = document.getElementById("choice");

async function show(tag) {
    const status = document.getElementById("status");
    status.textContent = "Loading …";
    try {
        const snapshot = await loadSnapshot(tag);
        if (choice.elements.snapshot.value !== tag) return; // another was chosen since
        const mode = choice.elements.mode.value;
        for (const title of document.querySelectorAll(".of-snapshot")) title.textContent = tag;
        showMatrices(snapshot, mode);
        showPackages(snapshot);
        showChanges(snapshot);
        showStacks(snapshot);
        showDuplicates(snapshot);
        status.textContent = "";
        current = snapshot;
    } catch (error) {
        status.textContent = error.message;
    }
}

let current = null;
if (choice) {
    choice.hidden = false;
    choice.addEventListener("submit", (event) => event.preventDefault());
    choice.elements.snapshot.addEventListener("change", () => show(choice.elements.snapshot.value));
    for (const radio of choice.elements.mode) {
        radio.addEventListener("change", () => {
            if (current) showMatrices(current, choice.elements.mode.value);
        });
    }
    for (const link of document.querySelectorAll("[data-change]")) {
        link.addEventListener("click", () => showChange(link.dataset.change));
    }
    show(choice.elements.snapshot.value);
}

// The counts above the tables are of the newest snapshot, whichever is shown below.
async function showChange(change) {
    const newest = choice.elements.snapshot.options[0].value;
    choice.elements.snapshot.value = newest;
    await show(newest);
    const filter = document.getElementById("change-filter");
    filter.value = change;
    filter.dispatchEvent(new Event("change"));
}
