"""Sample customers. Customer N is the same on every machine and in every run, whatever else is asked for; the time of
its creation lies in the past of whoever asks, always as far."""

import random
import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True)
class Region:
    """Names in their own script; "name=latin" where e-mail addresses spell them otherwise. # is a digit of a phone."""

    weight: int
    first_names: str
    last_names: str
    cities: str
    streets: str
    phones: str


REGIONS = (
    Region(
        weight=20,
        first_names="James|Mary|Robert|Patricia|John|Jennifer|Anne-Marie|Siobhán|Seán|Zoë|Chloë|Aoife|Callum|D’Arcy",
        last_names="Smith|Johnson|McDonald|O’Brien|O'Neill|MacLeod|Fitzgerald|St. John|Lloyd-Webber|Brontë|Van Dyke",
        cities="London|Dublin|Chicago|Boston|Edinburgh|Cardiff|Melbourne",
        streets="High Street|Station Road|Elm Avenue|King’s Road",
        phones="+1 (212) 555-01##|+1-415-555-01##|+1.312.555.01##|+44 20 7946 0###|+442079460###|+353 1 5## ####",
    ),
    Region(
        weight=12,
        first_names="Jürgen|Käthe|Björn|Günther|Sören|Lukas|Hannah|Mia|Felix|Anna-Lena|Karl-Heinz|Jörg|Zoé|Moritz",
        last_names="Müller|Schäfer|Groß|Weiß|Köhler|Böhm|Strauß|von der Heide|Meyer-Landrut|Jäger|Özdemir|Fuchs|Huber",
        cities="München|Köln|Berlin|Düsseldorf|Zürich|Wien|Görlitz",
        streets="Hauptstraße|Bahnhofstraße|Am Mühlbach|Schloßallee",
        phones="+49 30 ########|+49-171-#######|+4989########|+49 (0) 40 ######|+43 1 #######|+41 44 ### ## ##",
    ),
    Region(
        weight=10,
        first_names="José|María|Íñigo|Begoña|João|Inês|Iñaki|Sofía|Ângela|Juan Carlos|Núria|Luís|Conceição|Andrés",
        last_names="García|Muñoz|Peña|de la Cruz|Gonçalves|Araújo|Núñez|Ibáñez|d’Ávila|Magalhães|Ortega y Gasset|Sá",
        cities="Málaga|León|São Paulo|Bogotá|Lisboa|Coimbra|Córdoba|A Coruña",
        streets="Calle Mayor|Avenida da Liberdade|Plaza de España|Rua do Ouro",
        phones="+34 6## ## ## ##|+34-91-###-##-##|+351 21 ### ####|+55 (11) 9####-####|+52 55 #### ####|+5411########",
    ),
    Region(
        weight=10,
        first_names="François|Zoé|Hélène|Jean-Luc|Anaïs|Éloïse|Benoît|Noël|Maëlle|Thérèse|Loïc|Giulia|Niccolò|Chiara",
        last_names="Lefèvre|D’Arc|N’Diaye|L'Hôpital|Côté|Bélanger|Saint-Exupéry|Le Goff|D'Angelo|Dell’Acqua|Chabrière",
        cities="Orléans|Besançon|Québec|Genève|Forlì|Dakar|Liège",
        streets="Rue de l’Église|Boulevard Saint-Michel|Via dell’Orso|Allée des Tilleuls",
        phones="+33 1 ## ## ## ##|+33-6-##-##-##-##|+33.4.##.##.##.##|+39 06 #### ####|+1 (514) 555-01##",
    ),
    Region(
        weight=10,
        first_names="Łukasz|Świętosława|Željko|Břetislav|Jiří|Zoltán|Ágnes|Ștefan|Ilinca|Małgorzata|Čeněk|Ödön|Ľubica|Žofia",
        last_names="Wałęsa|Żółkiewski|Brzęczyszczykiewicz|Novák|Příhoda|Đorđević|Šimić|Kovács|Szőke|Țepeș|Ionescu|Ľupták",
        cities="Łódź|Kraków|Plzeň|Győr|Iași|Niš|Košice",
        streets="ulica Długa|Václavské náměstí|Fő utca|Strada Lungă",
        phones="+48 22 ### ## ##|+48-601-###-###|+420 2## ### ###|+36 1 ### ####|+40.21.###.####|+38111#######",
    ),
    Region(
        weight=8,
        first_names="Åsa|Øyvind|Sæunn|Þóra|Bjørn|Mårten|Søren|Kjærsti|Päivi|Väinö|Ragnheiður|Gísli|Jõgi|Ēriks",
        last_names="Åkesson|Ødegård|Guðmundsdóttir|Björnsson|Sørensen|Hämäläinen|Yrjönen|Nygård|Kjær|Õunapuu|Bērziņš|Šķēle",
        cities="Malmö|Tromsø|Ålesund|Reykjavík|Jyväskylä|Århus|Tartu|Rīga",
        streets="Storgatan|Kirkegårdsveien|Laugavegur|Hämeenkatu",
        phones="+46 8 ### ### ##|+47 ## ## ## ##|+354 5## ####|+358-9-######|+45########|+372 6## ####|+371 67 ######",
    ),
    Region(
        weight=8,
        first_names="Юлия=yulia|Александр=aleksandr|Семён=semyon|Олена=olena|Ђорђе=djordje|Ґвідо=gvido|Алёна=alyona",
        last_names="Соловьёв=solovyov|Шевченко=shevchenko|Їжакевич=yizhakevych|Петров-Водкин=petrov-vodkin|Јовић=jovic|Жук=zhuk",
        cities="Київ|София|Београд|Алматы|Львів",
        streets="вулиця Хрещатик|бул. Витоша|Кнез Михаилова",
        phones="+380 44 ### ## ##|+359 2 ### ####|+381-11-###-####|+7 (727) ###-##-##|+38067#######",
    ),
    Region(
        weight=3,
        first_names="Γιώργος=giorgos|Ελένη=eleni|Αλέξανδρος=alexandros|Μαρία=maria|Νίκος=nikos",
        last_names="Παπαδόπουλος=papadopoulos|Οικονόμου=oikonomou|Σιδέρης=sideris|Ζαχαριάδης=zachariadis",
        cities="Αθήνα|Πάτρα|Θεσσαλονίκη",
        streets="Οδός Ερμού|Οδός Αθηνάς",
        phones="+30 21# ### ####|+30-694-#######",
    ),
    Region(
        weight=4,
        first_names="Şükrü|İbrahim|Ayşe|Çağla|Ülkü|Işıl|Gökçe|Mehmet Ali",
        last_names="Yılmaz|Çelik|Öztürk|Şahin|Işık|Ağaoğlu",
        cities="İstanbul|Diyarbakır|Muğla",
        streets="İstiklal Caddesi|Bağdat Caddesi",
        phones="+90 (212) ### ## ##|+90532#######",
    ),
    Region(
        weight=3,
        first_names="伟=wei|芳=fang|小龙=xiaolong|秀英=xiuying|娜=na",
        last_names="王=wang|李=li|欧阳=ouyang|刘=liu|陈=chen",
        cities="北京|上海|广州",
        streets="南京路|中山路",
        phones="+86 10 #### ####|+86-138-####-####",
    ),
    Region(
        weight=3,
        first_names="さくら=sakura|太郎=taro|ケン=ken|陽子=yoko|健一=kenichi",
        last_names="佐藤=sato|鈴木=suzuki|髙橋=takahashi|渡邊=watanabe",
        cities="東京|大阪|京都",
        streets="青山通り|御堂筋",
        phones="+81 3-####-####|+8190########",
    ),
    Region(
        weight=2,
        first_names="민준=minjun|서연=seoyeon|지훈=jihun|하은=haeun",
        last_names="김=kim|박=park|이=lee|최=choi",
        cities="서울|부산",
        streets="강남대로|세종대로",
        phones="+82 2 #### ####|+82-10-####-####",
    ),
    Region(
        weight=2,
        first_names="Nguyệt|Đức|Thị Hương|Quốc Việt",
        last_names="Nguyễn|Trần|Phạm|Đặng",
        cities="Hà Nội|Đà Nẵng",
        streets="Phố Huế|Đường Lê Lợi",
        phones="+84 24 #### ####",
    ),
    Region(
        weight=3,
        first_names="محمد=mohammed|فاطمة=fatima|نور=nour|يوسف=youssef",
        last_names="العلي=al-ali|حسن=hassan|المصري=al-masri",
        cities="القاهرة|دبي",
        streets="شارع النيل|شارع الحمراء",
        phones="+20 2 #### ####|+971 4 ### ####",
    ),
    Region(
        weight=1,
        first_names="יעל=yael|דוד=david|נועה=noa",
        last_names="כהן=cohen|לוי=levi|בן דוד=ben-david",
        cities="חיפה|ירושלים",
        streets="דרך יפו",
        phones="+972-3-###-####",
    ),
    Region(
        weight=3,
        first_names="प्रिया=priya|अर्जुन=arjun|Ananya|Rāhul",
        last_names="शर्मा=sharma|सिंह=singh|Patel|Krishnamūrti",
        cities="मुंबई|Bengaluru",
        streets="महात्मा गांधी मार्ग|MG Road",
        phones="+91 98### #####|+91-22-####-####",
    ),
    Region(
        weight=1,
        first_names="สมชาย=somchai|มาลี=malee",
        last_names="ใจดี=jaidee|แสงทอง=saengthong",
        cities="กรุงเทพ|เชียงใหม่",
        streets="ถนนสุขุมวิท",
        phones="+66 2 ### ####",
    ),
    Region(
        weight=4,
        first_names="Chukwuemeka|Ṣadé|Ọlá|Aïssatou|Nomvula|Thandiwe",
        last_names="Ọbásanjọ́|Adébáyọ̀|N’Golo|van Wyk|Ndlovu",
        cities="Lagos|Ìbàdàn|Nairobi|Cape Town",
        streets="Awólọ́wọ̀ Road|Kenyatta Avenue",
        phones="+234 803 ### ####|+27 (21) ### ####|+254-20-#######",
    ),
)

COMPANIES = (
    "Acme",
    "Globex",
    "Northwind",
    "Müller & Söhne",
    "Ромашка",
    "株式会社サンプル",
    "O’Hara & Co.",
    "Ångström AB",
)
NOTES = (
    "Prefers to be called in the morning.",
    "Höfliche Erinnerung: Rechnung per Post.",
    'Asked for 10% off; says "it\'s fair".',
    "<b>Not</b> markup, just how they write.",
    "ご連絡はメールでお願いします。",
)
DOMAINS = ("example.com", "example.org", "example.net")
# Letters that do not decompose into a Latin one and an accent.
LATIN = str.maketrans({"ß": "ss", "æ": "ae", "ø": "o", "ð": "d", "đ": "d", "ł": "l", "þ": "th", "ı": "i"})
MINUTES_SPANNED = 2_000_000
WEIGHTED_REGIONS = [region for region in REGIONS for _ in range(region.weight)]


def sample_customer(number: int, *, now: datetime) -> dict:
    """The fields of one customer. Its number is part of its e-mail address, which makes that unique."""
    generator = random.Random(number)

    def pick(choices):
        # random() alone promises the same sequence in every version of Python.
        return choices[int(generator.random() * len(choices))]

    region = pick(WEIGHTED_REGIONS)
    first_name, first_latin = spelled(pick(region.first_names.split("|")))
    last_name, last_latin = spelled(pick(region.last_names.split("|")))
    created_at = now - timedelta(minutes=number * 7919 % MINUTES_SPANNED)
    return {
        "first_name": first_name,
        "last_name": last_name,
        "email": f"{first_latin}.{last_latin}{number}@{pick(DOMAINS)}",
        "phone": "".join(pick("0123456789") if each == "#" else each for each in pick(region.phones.split("|"))),
        "is_active": pick(range(10)) > 0,
        "company": pick(COMPANIES) if pick(range(3)) == 0 else "",
        "address": f"{pick(region.streets.split('|'))} {1 + pick(range(150))}",
        "city": pick(region.cities.split("|")),
        "notes": pick(NOTES) if pick(range(10)) == 0 else "",
        "created_at": created_at,
        "updated_at": created_at,
    }


def spelled(entry: str) -> tuple[str, str]:
    """A name as it is written and as an e-mail address spells it."""
    name, _, latin = entry.partition("=")
    decomposed = unicodedata.normalize("NFKD", (latin or name).lower().translate(LATIN))
    return name, "".join(each for each in decomposed if each.isascii() and (each.isalnum() or each == "-"))
