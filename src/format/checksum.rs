//! CRC-32 of a footer (format section 11).

/// Generator polynomial of zlib's CRC-32, lowest bit first.
const POLYNOMIAL: u32 = 0xedb8_8320;

/// What four bits leave in the register.
const STEPS: [u32; 16] = steps();

#[expect(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "the compiler computes it, and would stop"
)]
const fn steps() -> [u32; 16] {
    let mut steps = [0; 16];
    let mut bits = 0_u32;
    while bits < 16 {
        let mut register = bits;
        let mut round = 0;
        while round < 4 {
            let carry = register & 1;
            register >>= 1;
            if carry == 1 {
                register ^= POLYNOMIAL;
            }
            round += 1;
        }
        steps[bits as usize] = register;
        bits += 1;
    }
    steps
}

/// The CRC-32 of a few bytes, four bits at a step. Libraries for it first ask the processor what it
/// can do, which on a virtual machine takes a hundred times as long as this does for a footer.
pub(crate) fn crc32(bytes: &[u8]) -> u32 {
    let step = |register: u32| {
        let low = STEPS.get((register & 15) as usize).copied();
        (register >> 4) ^ low.unwrap_or_default()
    };
    !bytes
        .iter()
        .fold(!0, |register, &byte| step(step(register ^ u32::from(byte))))
}

#[cfg(test)]
mod tests {
    use super::crc32;

    #[test]
    fn it_is_the_checksum_that_other_programs_compute() {
        assert_eq!(crc32(b""), 0);
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        let all: Vec<u8> = (0..=255).collect();
        for end in 0..=all.len() {
            assert_eq!(crc32(&all[..end]), crc32fast::hash(&all[..end]), "{end}");
        }
    }
}
