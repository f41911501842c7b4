const ends = new Set<() => Promise<void>>();

// Services before the servers that they were started on.
afterAll(async () => {
  for (const end of [...ends].reverse()) await end();
});

/**
 * Ends what a test started after the file's last test, where nothing did before: a test that failed did not come to it, and
 * what goes on running keeps Jest from ending.
 * @returns what ends it, once
 */
export function atTheLatest(end: () => Promise<unknown>): () => Promise<void> {
  const once = async () => {
    if (ends.delete(once)) await end();
  };
  ends.add(once);
  return once;
}
