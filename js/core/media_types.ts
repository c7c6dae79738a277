// Media types and the extensions of file names, the same as registry/core/media_types.py on every machine.

const TYPES = `.7z application/x-7z-compressed
.avi video/x-msvideo
.avif image/avif
.bmp image/bmp
.bz2 application/x-bzip2
.css text/css
.csv text/csv
.doc application/msword
.docx application/vnd.openxmlformats-officedocument.wordprocessingml.document
.eml message/rfc822
.epub application/epub+zip
.flac audio/flac
.geojson application/geo+json
.gif image/gif
.gpx application/gpx+xml
.gz application/gzip
.heic image/heic
.html text/html
.htm text/html
.ics text/calendar
.jpg image/jpeg
.jpeg image/jpeg
.json application/json
.jsonl application/jsonl
.kml application/vnd.google-earth.kml+xml
.m4a audio/mp4
.mbox application/mbox
.md text/markdown
.mov video/quicktime
.mp3 audio/mpeg
.mp4 video/mp4
.odp application/vnd.oasis.opendocument.presentation
.ods application/vnd.oasis.opendocument.spreadsheet
.odt application/vnd.oasis.opendocument.text
.ogg audio/ogg
.parquet application/vnd.apache.parquet
.pdf application/pdf
.png image/png
.ppt application/vnd.ms-powerpoint
.pptx application/vnd.openxmlformats-officedocument.presentationml.presentation
.rtf application/rtf
.sqlite application/vnd.sqlite3
.svg image/svg+xml
.tar application/x-tar
.tiff image/tiff
.tsv text/tab-separated-values
.txt text/plain
.log text/plain
.vcf text/vcard
.wav audio/wav
.webm video/webm
.webp image/webp
.xls application/vnd.ms-excel
.xlsx application/vnd.openxmlformats-officedocument.spreadsheetml.sheet
.xml application/xml
.xz application/x-xz
.yaml application/yaml
.yml application/yaml
.zip application/zip
.zst application/zstd`.split("\n").map((line) => line.split(" ") as [string, string]);

export const UNKNOWN = "application/octet-stream";
const BY_EXTENSION = new Map(TYPES);
// The first extension of a type is the one that a file gets.
const BY_TYPE = new Map([...TYPES].reverse().map(([extension, type]) => [type, extension]));
BY_TYPE.set("text/xml", ".xml");

/** Returns the media type of a file with this name; of "orders.csv.gz", that of the compressed file. */
export const mediaTypeOf = (name: string): string => BY_EXTENSION.get(`.${name.slice(name.lastIndexOf(".") + 1).toLowerCase()}`) ?? UNKNOWN;

/** Returns the extension for a media type, as ".csv"; ".bin" for one that is not known here. */
export const extensionOf = (type: string): string => BY_TYPE.get((type.split(";")[0] as string).trim().toLowerCase()) ?? ".bin";
