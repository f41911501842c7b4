import stringWidth from 'string-width';

const GRAPHEMES = new Intl.Segmenter(undefined, { granularity: 'grapheme' });
const ELLIPSIS = '…';

/** How many cells of a terminal a text takes: two for most characters of East Asia and for emoji, none for a combining mark. */
export function widthOf(text: string): number {
  return stringWidth(text);
}

/**
 * A text in lines of so many cells: broken between words, and within a word that is longer than a line, after a comma where it
 * has one, never within what a reader sees as one character. What does not fit into `lines` is cut off, and an ellipsis says so.
 */
export function wrapped(text: string, width: number, lines = Number.POSITIVE_INFINITY): string[] {
  if (widthOf(text) <= width) return [text];
  const made: string[] = [];
  let line = '';
  for (const word of text.split(/ +/)) {
    const longer = line === '' ? word : `${line} ${word}`;
    if (widthOf(longer) <= width) {
      line = longer;
      continue;
    }
    if (line !== '') made.push(line);
    const pieces = widthOf(word) <= width ? [word] : broken(word, width);
    line = pieces.pop() ?? '';
    made.push(...pieces);
    if (made.length > lines) break;
  }
  made.push(line);
  if (made.length <= lines) return made;
  const last = cut(made[lines - 1] ?? '', width - widthOf(ELLIPSIS));
  return [...made.slice(0, lines - 1), `${last}${ELLIPSIS}`];
}

function broken(word: string, width: number): string[] {
  const pieces: string[] = [];
  for (let rest = word; rest !== ''; ) {
    const most = cut(rest, width) || firstGrapheme(rest);
    const piece = most === rest ? rest : most.slice(0, most.lastIndexOf(',') + 1) || most;
    pieces.push(piece);
    rest = rest.slice(piece.length);
  }
  return pieces;
}

/** As much of the beginning as so many cells hold. */
function cut(text: string, width: number): string {
  let taken = 0;
  for (const { segment, index } of GRAPHEMES.segment(text)) {
    taken += widthOf(segment);
    if (taken > width) return text.slice(0, index);
  }
  return text;
}

function firstGrapheme(text: string): string {
  const [first] = GRAPHEMES.segment(text);
  return first?.segment ?? text;
}
