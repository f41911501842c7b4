/**
 * Control characters, invisible format characters (the right-to-left overrides among them), line separators and halves of
 * surrogate pairs. Joiners stay: some scripts and emoji are not written without them.
 */
const UNSAFE = /(?![\u200c\u200d])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

/** A text from a server or a user, fit for a terminal: what would steer it stands there as `\u001b` (S45). */
export function printable(text: string): string {
  return text.replaceAll(UNSAFE, escaped);
}

/** The same value as indented JSON that no terminal is steered by. */
export function printableJson(value: unknown): string {
  // Between its strings JSON holds nothing unsafe but line ends, and inside them they are escaped already.
  return JSON.stringify(value, null, 2).split('\n').map(printable).join('\n');
}

/** A text of many lines, such as CSV: its line ends and tabs stay. */
export function printableLines(text: string): string {
  return text.replaceAll(UNSAFE, (character) => (/[\r\n\t]/.test(character) ? character : escaped(character)));
}

/** `1 token`, `2 tokens` */
export function counted(count: number, thing: string): string {
  return `${count} ${thing}${count === 1 ? '' : 's'}`;
}

function escaped(character: string): string {
  return Array.from({ length: character.length }, (_, index) => {
    return `\\u${character.charCodeAt(index).toString(16).padStart(4, '0')}`;
  }).join('');
}
