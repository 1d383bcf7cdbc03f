// Fills `{name}` in the command under a form from the form's own fields; without this file the command
// shows the names. Everything else works without a script, too.
"use strict";
const quoted = (value) => (/^[\w@%+=:,./-]+$/.test(value) ? value : `'${value.replaceAll("'", "'\\''")}'`);
const refresh = (form) => {
  for (const code of form.querySelectorAll("[data-cli]")) {
    // An option whose field is empty, and may be, is left out.
    const line = code.dataset.cli.replace(/ --[\w-]+ \{([\w-]+)\}/g, (whole, name) => {
      const field = form.elements.namedItem(name);
      return field && !field.value && !field.required ? "" : whole;
    });
    code.textContent = line.replace(/\{([\w-]+)\}/g, (whole, name) => {
      const field = form.elements.namedItem(name);
      return field && field.value ? quoted(field.value) : name.toUpperCase();
    });
  }
};
const refreshAll = () => document.querySelectorAll("form").forEach(refresh);
document.addEventListener("input", (event) => event.target.form && refresh(event.target.form));
document.addEventListener("htmx:afterSwap", refreshAll);
// One click is one request: a form that was sent cannot be sent again from the same page.
document.addEventListener("submit", (event) => {
  if (event.target.dataset.sent) {
    event.preventDefault();
  } else if (!event.target.hasAttribute("hx-post") && event.target.method === "post") {
    event.target.dataset.sent = "yes";
  }
});
// A file may be dropped on its whole field.
for (const kind of ["dragover", "dragleave", "drop"]) {
  document.addEventListener(kind, (event) => {
    const field = event.target.closest?.(".drop");
    if (!field) return;
    event.preventDefault();
    field.classList.toggle("over", kind === "dragover");
    if (kind === "drop") field.querySelector("input[type=file]").files = event.dataTransfer.files;
  });
}
window.addEventListener("pageshow", () => document.querySelectorAll("form").forEach((form) => delete form.dataset.sent));
refreshAll();
// What was said about a form that stands far down.
document.querySelector("main form > [role]")?.scrollIntoView({ block: "center" });
// On a phone the navigation is wider than the screen.
document.querySelector('nav [aria-current="page"]')?.scrollIntoView({ block: "nearest", inline: "center" });
// What was just done is said once: who looks again sees how things are.
if (new URLSearchParams(location.search).has("done")) history.replaceState(null, "", location.pathname);
