// The program of the package, without an import: a Node that is too old says so, and not where it stumbles.
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major > 20 || (major === 20 && minor >= 15)) {
  await import('./main.js');
} else {
  process.stderr.write(`tokenlog: Node 20.15 or newer is needed; this is ${process.version}.\n`);
  process.exitCode = 1;
}
