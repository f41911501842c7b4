/** crc32 of node:zlib, by which a credential is checked, came with it. */
const NEEDED = [20, 15] as const;

/**
 * Stops an application on a Node that the guard cannot run on, before something is missing in the midst of a request.
 * @throws Error naming the Node that is needed
 */
export function requireNode(version: string = process.versions.node): void {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major > NEEDED[0] || (major === NEEDED[0] && minor >= NEEDED[1])) return;
  throw new Error(`@tokenlog/auth needs Node ${NEEDED.join('.')} or newer; this is ${version}.`);
}

requireNode();
