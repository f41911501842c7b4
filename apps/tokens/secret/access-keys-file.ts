import { isUtf8 } from 'node:buffer';
import { ACCESS_KEY_LENGTH, maybeAccessKey, presentedText } from '@tokenlog/contracts/credential.js';
import { Properties } from 'properties-file/parser';

/** A key and the account name of the user whom it stands for. `key` must never be logged. */
export interface AccessKey {
  readonly line: number;
  readonly key: string;
  readonly username: string;
}

/** A line that is not taken over, and why. It does not say what stands in it. */
export interface RefusedLine {
  readonly line: number;
  readonly reason: string;
}

/** A backslash that no other one escapes, then a `u` without its four digits. */
const BROKEN_ESCAPE = /(?<!\\)(?:\\\\)*\\u(?![0-9a-fA-F]{4})/g;

/**
 * The text of such a file, which is UTF-8, or UTF-16 that says so by a byte order mark. A key that was read in another encoding
 * than it was written in would be another key, in silence.
 * @throws Error naming the first line that is in another encoding
 */
export function textOfAccessKeys(bytes: Buffer): string {
  const [first, second] = bytes;
  if ((first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff)) {
    return new TextDecoder(first === 0xff ? 'utf-16le' : 'utf-16be', { fatal: true }).decode(bytes);
  }
  const lines = bytes.toString('latin1').split(/\r\n|\n|\r/);
  const wrong = lines.findIndex((line) => line.includes('\0') || !isUtf8(Buffer.from(line, 'latin1')));
  if (wrong === -1) return bytes.toString('utf8');
  throw new Error(`line ${wrong + 1} is not UTF-8; save the file in that encoding`);
}

/**
 * Reads a `.properties` file of `key=user` lines (S37): comments, escapes and continued lines as Java has them. A key is what
 * will be presented: without what stands around it.
 */
export function readAccessKeys(text: string): { keys: AccessKey[]; refused: RefusedLine[] } {
  const keys: AccessKey[] = [];
  const refused: RefusedLine[] = [];
  const broken = new Set<number>();
  // The parser gives up at such a line; without the escape it reads on, and the line is refused below.
  const readable = text
    .replace(/^\ufeff/, '')
    .split(/\r\n|\n|\r/)
    .map((line, index) => {
      const mended = line.replace(BROKEN_ESCAPE, '?');
      if (mended !== line) broken.add(index + 1);
      return mended;
    });
  const nodes = new Properties(readable.join('\n')).getProperties();
  const lines = Map.groupBy(nodes, ({ key }) => presentedText(key));
  for (const { key: written, value, startingLineNumber: line, endingLineNumber: end } of nodes) {
    const key = presentedText(written);
    const username = presentedText(value);
    const same = (lines.get(key) ?? []).filter((node) => node.startingLineNumber !== line);
    const reason = [...broken].some((at) => at >= line && at <= end)
      ? 'a \\u escape needs four hexadecimal digits'
      : key === ''
        ? 'it has no key'
        : username === ''
          ? 'it has no user'
          : same.length > 0
            ? `its key stands in line ${same.map((node) => node.startingLineNumber).join(', ')} too`
            : key.length < ACCESS_KEY_LENGTH.min
              ? `its key is shorter than ${ACCESS_KEY_LENGTH.min} characters, and could be guessed`
              : !maybeAccessKey(key)
                ? 'its key is no access key'
                : null;
    if (reason) refused.push({ line, reason });
    else keys.push({ line, key, username });
  }
  return { keys, refused };
}
