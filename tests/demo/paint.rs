//! Portraits of people who do not exist: a few shapes on a background, as PNG.

use std::{
    collections::HashMap,
    io::Write,
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

const WIDTH: usize = 240;
const HEIGHT: usize = 300;

type Colour = [f32; 3];

struct Canvas(Vec<Colour>);

impl Canvas {
    /// Paints the pixels where `distance` (in pixels, negative inside) is below zero, with a soft edge.
    fn paint(&mut self, colour: Colour, distance: impl Fn(f32, f32) -> f32) {
        for y in 0..HEIGHT {
            for x in 0..WIDTH {
                let cover = (0.5 - distance(x as f32 + 0.5, y as f32 + 0.5)).clamp(0.0, 1.0);
                if cover > 0.0 {
                    let pixel = &mut self.0[y * WIDTH + x];
                    for (channel, value) in pixel.iter_mut().zip(colour) {
                        *channel += (value - *channel) * cover;
                    }
                }
            }
        }
    }

    fn ellipse(&mut self, colour: Colour, x: f32, y: f32, rx: f32, ry: f32) {
        self.paint(colour, |px, py| {
            let (dx, dy) = ((px - x) / rx, (py - y) / ry);
            ((dx * dx + dy * dy).sqrt() - 1.0) * rx.min(ry)
        });
    }

    fn block(&mut self, colour: Colour, x: f32, y: f32, width: f32, height: f32, round: f32) {
        let (cx, cy) = (x + width / 2.0, y + height / 2.0);
        self.paint(colour, |px, py| {
            let dx = (px - cx).abs() - width / 2.0 + round;
            let dy = (py - cy).abs() - height / 2.0 + round;
            dx.max(0.0).hypot(dy.max(0.0)) + dx.max(dy).min(0.0) - round
        });
    }
}

fn rgb(hex: u32) -> Colour {
    [16, 8, 0].map(|shift| ((hex >> shift) & 255) as f32)
}

const SKIN: [u32; 6] = [0xf6d4bd, 0xe8b894, 0xd49a6c, 0xa86d47, 0x7d4c30, 0xf0c6a8];
const HAIR: [u32; 6] = [0xbd8f4e, 0x5a3a22, 0x201714, 0x8a5a34, 0x9a9a96, 0x2b2b33];
const CLOTH: [u32; 8] =
    [0x7a2f3a, 0x2f3c5e, 0xece9e2, 0xb7a68d, 0x5f8fae, 0x5d3f75, 0x6fa896, 0x8a3f46];
const WALL: [(u32, u32); 8] = [
    (0xd9b3bd, 0xc79aa8),
    (0xb9d0e0, 0x9db8cc),
    (0xd8cdb4, 0xbfae8f),
    (0x86b09c, 0x6d9682),
    (0xcfc9c0, 0xb3aea4),
    (0xa8c6c9, 0x8aadb3),
    (0xb27c6c, 0x94604f),
    (0x8d6f92, 0x6f5577),
];

/// Returns a portrait of a person in front of a wall, which depends on its arguments only. Each is
/// painted once per process: painting takes most of the time of a demo.
pub fn portrait(person: u64, long: bool, place: u64) -> Arc<[u8]> {
    type Painted = HashMap<(u64, bool, u64), Arc<[u8]>>;
    static PAINTED: LazyLock<Mutex<Painted>> = LazyLock::new(Mutex::default);
    let mut painted = PAINTED.lock().unwrap_or_else(PoisonError::into_inner);
    painted
        .entry((person, long, place))
        .or_insert_with(|| paint(person, long, place).into())
        .clone()
}

fn paint(person: u64, long: bool, place: u64) -> Vec<u8> {
    let mut dice = fastrand::Rng::with_seed(place.wrapping_mul(6151).wrapping_add(5));
    let (top, bottom) = WALL[dice.usize(0..WALL.len())];
    let mut canvas = wall(rgb(top), rgb(bottom));
    scene(&mut canvas, &mut dice);
    let mut dice = fastrand::Rng::with_seed(person.wrapping_mul(7919).wrapping_add(17));
    let skin = rgb(SKIN[dice.usize(0..SKIN.len())]);
    let shade = skin.map(|channel| channel * 0.86);
    let hair = rgb(HAIR[dice.usize(0..HAIR.len())]);
    let cloth = rgb(CLOTH[dice.usize(0..CLOTH.len())]);
    let x = 120.0;
    if long {
        canvas.block(hair, x - 54.0, 74.0, 108.0, 142.0, 44.0);
    }
    canvas.ellipse(cloth, x, 318.0, 96.0, 104.0);
    canvas.block(shade, x - 19.0, 168.0, 38.0, 58.0, 16.0);
    canvas.ellipse(skin, x, 222.0, 24.0, 15.0);
    canvas.ellipse(skin, x, 128.0, 43.0, 58.0);
    canvas.ellipse(hair, x, 82.0, 47.0, 30.0);
    if !long {
        canvas.block(hair, x - 47.0, 80.0, 9.0, 44.0, 4.0);
        canvas.block(hair, x + 38.0, 80.0, 9.0, 44.0, 4.0);
    }
    face(&mut canvas, hair, shade, &mut dice);
    png(&canvas)
}

fn wall(top: Colour, bottom: Colour) -> Canvas {
    let mut pixels = vec![[0.0; 3]; WIDTH * HEIGHT];
    for (at, pixel) in pixels.iter_mut().enumerate() {
        let share = (at / WIDTH) as f32 / HEIGHT as f32;
        for channel in 0..3 {
            pixel[channel] = top[channel] + (bottom[channel] - top[channel]) * share;
        }
    }
    Canvas(pixels)
}

fn scene(canvas: &mut Canvas, dice: &mut fastrand::Rng) {
    match dice.u8(0..4) {
        0 => {
            canvas.block(rgb(0xf4efe0), 170.0, 20.0, 58.0, 120.0, 3.0);
            canvas.ellipse(rgb(0x5f8f57), 26.0, 206.0, 24.0, 66.0);
        }
        1 => {
            for (at, colour) in
                [0x56708f, 0x8a5a4a, 0xc2b280, 0x4f7a6b, 0x7c6a94].iter().enumerate()
            {
                canvas.block(rgb(*colour), 6.0 + 50.0 * at as f32, 12.0, 26.0, 84.0, 2.0);
                canvas.block(
                    rgb(*colour).map(|c| c * 0.85),
                    24.0 + 46.0 * at as f32,
                    112.0,
                    20.0,
                    72.0,
                    2.0,
                );
            }
        }
        2 => {
            canvas.ellipse(rgb(0xf7dfa2), 196.0, 62.0, 22.0, 22.0);
            canvas.block(rgb(0x53797a), -10.0, 196.0, 260.0, 130.0, 8.0);
        }
        _ => canvas.ellipse(rgb(0xffffff).map(|c| c * 0.93), 120.0, 120.0, 10.0, 10.0),
    }
}

fn face(canvas: &mut Canvas, hair: Colour, shade: Colour, dice: &mut fastrand::Rng) {
    for x in [103.0, 137.0] {
        canvas.ellipse(rgb(0xffffff), x, 124.0, 6.5, 5.0);
        canvas.ellipse(rgb(0x2a211c), x, 124.0, 3.4, 3.6);
        canvas.block(hair, x - 9.0, 111.0, 18.0, 3.0, 1.5);
    }
    canvas.block(shade, 118.0, 130.0, 4.0, 16.0, 2.0);
    canvas.ellipse(rgb(0xb4504c), 120.0, 160.0, 15.0, 6.5);
    canvas.ellipse(rgb(0xfdf8f2), 120.0, 157.5, 12.0, 3.4);
    if dice.u8(0..5) == 0 {
        for x in [103.0, 137.0] {
            canvas.paint(rgb(0x3b3b3b), |px, py| ((px - x).hypot(py - 124.0) - 12.0).abs() - 1.0);
        }
    }
}

/// Encodes the pixels as PNG: 8 bits per channel, with the filter that suits flat colours.
fn png(canvas: &Canvas) -> Vec<u8> {
    let mut raw = Vec::with_capacity((WIDTH * 3 + 1) * HEIGHT);
    let mut above = vec![0u8; WIDTH * 3];
    for y in 0..HEIGHT {
        raw.push(2);
        let row: Vec<u8> = canvas.0[y * WIDTH..(y + 1) * WIDTH]
            .iter()
            .flat_map(|pixel| pixel.map(|channel| channel.round() as u8))
            .collect();
        raw.extend(row.iter().zip(&above).map(|(now, up)| now.wrapping_sub(*up)));
        above = row;
    }
    let mut packed = flate2::write::ZlibEncoder::new(vec![], flate2::Compression::best());
    packed.write_all(&raw).expect("memory");
    let mut out = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut head = vec![];
    head.extend((WIDTH as u32).to_be_bytes());
    head.extend((HEIGHT as u32).to_be_bytes());
    head.extend([8, 2, 0, 0, 0]);
    chunk(&mut out, b"IHDR", &head);
    chunk(&mut out, b"IDAT", &packed.finish().expect("memory"));
    chunk(&mut out, b"IEND", &[]);
    out
}

fn chunk(out: &mut Vec<u8>, name: &[u8; 4], body: &[u8]) {
    out.extend((body.len() as u32).to_be_bytes());
    let start = out.len();
    out.extend(name);
    out.extend(body);
    let mut crc = flate2::Crc::new();
    crc.update(&out[start..]);
    out.extend(crc.sum().to_be_bytes());
}

/// Returns bytes that begin like a video; nothing plays it.
pub fn video() -> Vec<u8> {
    let mut bytes = b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom".to_vec();
    bytes.extend((0..576u32).map(|at| (at % 251) as u8));
    bytes
}

/// Returns two seconds of a tone, as WAV.
pub fn sound(hertz: u32) -> Vec<u8> {
    const RATE: u32 = 8_000;
    let samples: Vec<u8> = (0..2 * RATE)
        .map(|at| {
            let turn = f64::from(at * hertz) / f64::from(RATE) * std::f64::consts::TAU;
            (128.0 + 40.0 * turn.sin()) as u8
        })
        .collect();
    let length = samples.len() as u32;
    let mut bytes = [b"RIFF".as_slice(), &(36 + length).to_le_bytes(), b"WAVEfmt "].concat();
    // 16 bytes of format: uncompressed, one channel, one byte per sample.
    bytes.extend([16, 0, 0, 0, 1, 0, 1, 0]);
    bytes.extend([RATE.to_le_bytes(), RATE.to_le_bytes()].concat());
    bytes.extend([1, 0, 8, 0]);
    bytes.extend([b"data".as_slice(), &length.to_le_bytes(), &samples].concat());
    bytes
}
