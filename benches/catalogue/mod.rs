//! A catalogue of realistic form, of any size, for the benches.

/// Returns 60 % avatars and 40 % talking photos with signed URLs. `signing` changes the signatures;
/// `churn` items differ: a quarter new, half changed, a quarter removed.
pub fn catalogue(items: usize, signing: usize, churn: usize) -> Vec<u8> {
    let avatars = items * 6 / 10;
    let mut body = String::from("{\"error\":null,\"data\":{\"avatars\":[");
    let list = |body: &mut String, from: usize, to: usize, one: &dyn Fn(usize) -> String| {
        let churn = churn * (to - from) / items.max(1);
        let shift = churn / 4;
        for index in from + shift..to + shift {
            if !body.ends_with('[') {
                body.push(',');
            }
            let changed = index < from + shift + churn / 2;
            body.push_str(&one(index).replace("NAME", if changed { "Renamed" } else { "Name" }));
        }
    };
    list(&mut body, 0, avatars, &|index| {
        format!(
            "{{\"avatar_id\":\"Avatar_{:08x}_public\",\"avatar_name\":\"NAME {index} in the office\",\
             \"gender\":\"female\",\"preview_image_url\":\"https://files2.heygen.ai/avatar/v3/{0:032x}_1/preview_target.webp\",\
             \"preview_video_url\":\"https://files2.heygen.ai/avatar/v3/{0:032x}_1/preview_video_target.mp4\",\
             \"premium\":false,\"type\":null,\"tags\":null,\"default_voice_id\":null}}",
            spread(index)
        )
    });
    body.push_str("],\"talking_photos\":[");
    list(&mut body, items, items + items - avatars, &|index| {
        let signature = format!("{:x}", spread(index * 31 + signing)).repeat(22);
        format!(
            "{{\"talking_photo_id\":\"{0:032x}\",\"talking_photo_name\":\"NAME {index}\",\
             \"preview_image_url\":\"https://files2.heygen.ai/talking_photo/{0:032x}/p.WEBP?Expires=4102444800\
             &Signature={signature}&Key-Pair-Id=K1\"}}",
            spread(index)
        )
    });
    body.push_str("]}}");
    body.into_bytes()
}

/// Returns ids in no order, as real ones are.
fn spread(index: usize) -> u64 {
    (index as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}
