/** The pages of the manual as they are installed: what they link to has other places there than in the checkout. */
import fs from 'node:fs';
import path from 'node:path';

/** A link of Markdown to another file. */
const LINK = /(?<=\]\()(?![a-z]+:|#)[^)\s#]+/g;

/** Where `copies` install `file` of the checkout, or undefined. */
function installedPlace(file, copies) {
  const copy = copies.find(({ from }) => file === from || file.startsWith(`${from}/`));
  return copy && copy.to + file.slice(copy.from.length);
}

/** `text` of the page `file`; its links lead to where `copies` install what they name. */
export function installedPage(text, file, copies) {
  const directory = path.dirname(installedPlace(file, copies));
  return text.replace(LINK, (link) => {
    const place = installedPlace(path.join(path.dirname(file), link), copies);
    if (place === undefined) throw new Error(`${file} links to ${link}, which is not installed`);
    return path.relative(directory, place);
  });
}

/** Leads the links of every page that `copies` have laid out under `target`. */
export function leadLinks(root, target, copies) {
  const files = copies.flatMap(({ from }) =>
    fs.statSync(path.join(root, from)).isDirectory()
      ? fs.readdirSync(path.join(root, from)).map((name) => `${from}/${name}`)
      : [from],
  );
  for (const file of files.filter((name) => name.endsWith('.md'))) {
    const text = fs.readFileSync(path.join(root, file), 'utf8');
    fs.writeFileSync(path.join(target, installedPlace(file, copies)), installedPage(text, file, copies));
  }
}
