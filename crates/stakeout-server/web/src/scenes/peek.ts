// What a file says of itself before it is sent: whether it has a georeference, its size, when it was taken.

export interface Peek {
  /** Null where only the server can tell. */
  readonly hasPlace: boolean | null;
  /** Width and height in pixels, where known. */
  readonly size: readonly [number, number] | null;
  /** A picture that the browser can draw. */
  readonly picture: string | null;
}

/** Bytes of the beginning of a TIFF and of its directory that are read at most. */
const DIRECTORY_BYTES = 64 << 10;
/** Tags of a TIFF: width, height, and those that place it (ModelPixelScale, ModelTransformation, GeoKeyDirectory). */
const WIDTH = 256;
const HEIGHT = 257;
const PLACES = new Set([33550, 34264, 34735]);

export async function peek(file: File): Promise<Peek> {
  if (/\.tiff?$/i.test(file.name)) return (await peekTiff(file)) ?? { hasPlace: null, size: null, picture: null };
  if (!/\.(png|jpe?g)$/i.test(file.name)) return { hasPlace: null, size: null, picture: null };
  const picture = URL.createObjectURL(file);
  const image = new Image();
  image.src = picture;
  const drawn = await image.decode().then(() => true, () => false);
  return { hasPlace: false, size: drawn ? [image.naturalWidth, image.naturalHeight] : null, picture: drawn ? picture : null };
}

async function peekTiff(file: File): Promise<Peek | null> {
  const view = async (from: number) => new DataView(await file.slice(from, from + DIRECTORY_BYTES).arrayBuffer());
  try {
    const head = await view(0);
    const little = head.getUint16(0) === 0x4949;
    const isBig = head.getUint16(2, little) === 43;
    const offset = isBig ? Number(head.getBigUint64(8, little)) : head.getUint32(4, little);
    const directory = await view(offset);
    const [count, first, step, value] = isBig
      ? [Number(directory.getBigUint64(0, little)), 8, 20, 12]
      : [directory.getUint16(0, little), 2, 12, 8];
    const tags = new Map<number, number>();
    for (let entry = 0; entry < count; entry++) {
      const at = first + entry * step;
      const isShort = directory.getUint16(at + 2, little) === 3;
      tags.set(directory.getUint16(at, little), isShort ? directory.getUint16(at + value, little) : directory.getUint32(at + value, little));
    }
    const [width, height] = [tags.get(WIDTH), tags.get(HEIGHT)];
    return { hasPlace: [...tags.keys()].some((tag) => PLACES.has(tag)), size: width && height ? [width, height] : null, picture: null };
  } catch {
    // cut short or no TIFF: the server says what is wrong with it
    return null;
  }
}

/** What to say of a file, which may be one of several that are asked for in turn. */
export function fileWords(name: string, at: number, count: number, { hasPlace, size }: Peek): string {
  const turn = count > 1 ? ` (${at} of ${count})` : "";
  const where = hasPlace === null ? "" : hasPlace ? " It says where it lies." : " It does not say where it lies, so place it on the map.";
  return `${name}${turn}${size ? `: ${size[0]} × ${size[1]} pixels.` : "."}${where}`;
}

/** The time to show for a file: what a person has put in stays, what came from the name of another file goes with it. */
export function timeFor(name: string, shown: string, fromName: string): string {
  return shown === "" || shown === fromName ? dateInName(name) : shown;
}

/** A date in the name of a file, as the field for it wants it; an empty text where there is none. */
export function dateInName(name: string): string {
  const found = /(?<!\d)(20\d\d|19\d\d)[-_.]?(0[1-9]|1[0-2])[-_.]?(0[1-9]|[12]\d|3[01])(?:[T_ -]?([01]\d|2[0-3])[-:]?([0-5]\d))?/.exec(name);
  if (!found) return "";
  const [, year, month, day, hour = "00", minute = "00"] = found;
  return `${year}-${month}-${day}T${hour}:${minute}`;
}
