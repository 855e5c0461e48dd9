// What became of a text, word by word. Pure.

const MOST_WORDS = 4000; // of both texts together; beyond that the whole is told as changed
// Words of scripts with spaces; each sign alone of those without; runs of spaces; anything else by
// itself.
const TOKEN =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]|[\p{L}\p{N}\p{M}_'’-]+|\s+|./gu;

/** Runs of `{kind: "same" | "gone" | "new", text}` that lead from one text to the other. */
export function diffWords(before, after) {
  const from = before.match(TOKEN) ?? [];
  const to = after.match(TOKEN) ?? [];
  if (from.length + to.length > MOST_WORDS) return joinRuns([["gone", before], ["new", after]]);
  let start = 0;
  while (start < from.length && start < to.length && from[start] === to[start]) start += 1;
  let end = 0;
  const most = Math.min(from.length, to.length) - start;
  while (end < most && from.at(-1 - end) === to.at(-1 - end)) end += 1;
  const middle = walk(from.slice(start, from.length - end), to.slice(start, to.length - end));
  const same = (words) => words.map((word) => ["same", word]);
  return joinRuns([...same(to.slice(0, start)), ...middle, ...same(to.slice(to.length - end))]);
}

/** The longest common subsequence, told from its table of lengths. */
function walk(from, to) {
  const width = to.length + 1;
  const lengths = new Uint16Array((from.length + 1) * width);
  for (let i = from.length - 1; i >= 0; i -= 1) {
    for (let j = to.length - 1; j >= 0; j -= 1) {
      const at = i * width + j;
      lengths[at] = from[i] === to[j]
        ? lengths[at + width + 1] + 1
        : Math.max(lengths[at + width], lengths[at + 1]);
    }
  }
  const told = [];
  let i = 0;
  let j = 0;
  while (i < from.length && j < to.length) {
    if (from[i] === to[j]) {
      told.push(["same", to[j]]);
      i += 1;
      j += 1;
    } else if (lengths[(i + 1) * width + j] >= lengths[i * width + j + 1]) {
      told.push(["gone", from[i]]);
      i += 1;
    } else {
      told.push(["new", to[j]]);
      j += 1;
    }
  }
  const gone = from.slice(i).map((word) => ["gone", word]);
  const added = to.slice(j).map((word) => ["new", word]);
  return [...told, ...gone, ...added];
}

/** Neighbours of one kind become one run; a space between two changes belongs to both. */
function joinRuns(words) {
  const runs = [];
  for (const [index, [kind, text]] of words.entries()) {
    const isBetween = changes(words[index - 1]) && changes(words[index + 1]);
    const isGap = kind === "same" && !text.trim() && isBetween;
    for (const one of isGap ? ["gone", "new"] : [kind]) add(runs, one, text);
  }
  return runs.filter((run) => run.text);
}

function changes(word) {
  return word !== undefined && word[0] !== "same";
}

function add(runs, kind, text) {
  const last = runs.at(-1);
  const other = runs.at(-2);
  const isChange = kind !== "same" && last && last.kind !== "same";
  if (last?.kind === kind) last.text += text;
  else if (isChange && other?.kind === kind) other.text += text;
  else runs.push({ kind, text });
}
