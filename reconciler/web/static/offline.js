// Runs the page from a folder of files: browsers load no modules from a disk, so an export brings
// their text along (`cutlistModules`, by path), and each becomes an address of its own here.
(() => {
  const texts = globalThis.cutlistModules;
  const addresses = new Map();
  const named = /(\bfrom\s*|\bimport\s*)"(\.[^"]+)"/g;

  function makeAddress(path) {
    if (!addresses.has(path)) {
      const folder = new URL(path, "file:///");
      const text = texts[path].replace(named, (_all, how, name) =>
        `${how}"${makeAddress(new URL(name, folder).pathname.slice(1))}"`);
      addresses.set(path, URL.createObjectURL(new Blob([text], { type: "text/javascript" })));
    }
    return addresses.get(path);
  }

  const start = document.createElement("script");
  start.type = "module";
  start.src = makeAddress("main.js");
  document.head.append(start);
})();
