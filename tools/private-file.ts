import { rename, writeFile } from 'node:fs/promises';

/** Replaces a file in one step; only its owner can read it. */
export async function writePrivately(file: string, text: string): Promise<void> {
  const temporary = `${file}.${process.pid}`;
  // Flushed: after a power cut the new name must not stand for nothing.
  await writeFile(temporary, text, { mode: 0o600, flush: true });
  await rename(temporary, file);
}
