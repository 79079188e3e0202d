"""First and last names of the invented people."""

FIRST_NAMES = (  # noqa: SIM905  (that many quoted names are no better to read)
    "Lucía Mateo Sofía Hugo Amira Youssef Emma Liam Olivia Noah Claire Louis Anna Jonas Larissa "
    "Rafael Mia Ethan Ava Daniel María José Juan Carmen Antonio Ana Manuel Isabel Francisco Laura "
    "David Marta Javier Elena Carlos Paula Miguel Cristina Pedro Raquel Fatima Mohamed Aisha Omar "
    "Layla Karim Zoë Chloé Léa Jules Hélène Émile François Brontë Jürgen Käthe Björn Søren Åsa "
    "Ingrid Łukasz Zofia Piotr Agnieszka João Inês Conceição Thiago Beatriz Vitória Gabriel Yuki "
    "Haruto Sakura Ren Aoi Kenji Priya Arjun Ananya Rohan Wei Mei Jun Nguyễn Thảo Minh Grace James "
    "Mary Robert Patricia John Jennifer Michael Linda William Elizabeth Richard Susan Joseph Karen "
    "Thomas Lisa Charles Nancy Matthew Sandra Anthony Ashley Mark Donna Jean-Luc Anne-Marie D'Arcy"
).split()
LAST_NAMES = (  # noqa: SIM905
    "Romero Ortega Vidal Castro Prieto Campos Mansour Haddou Walker Turner Reed Hayes Morgan "
    "Brooks Foster Dubois Moreau Lefèvre Weber Schäfer Braun Almeida Barbosa Teixeira Serrano "
    "Gallego Parker Collins Murphy Sanders García Martínez López Sánchez Pérez Gómez Ruiz Díaz "
    "Hernández Álvarez Moreno Muñoz Alonso Gutiérrez Navarro Torres Domínguez Vázquez Ramos Gil "
    "Ramírez Serra Blanco Suárez Molina Delgado Ortiz Rubio Marín Sanz Iglesias Núñez Medina "
    "Garrido Cortés Santos Lozano Guerrero Cano Cruz Méndez Flores Herrera Peña León Márquez "
    "Cabrera Calvo Silva Souza Costa Pereira Oliveira Rodrigues Carvalho Ferreira Araújo Müller "
    "Schmidt Schneider Fischer Meyer Wagner Becker Schulz Hoffmann Koch Bauer Richter Klein Wolf "
    "Schröder Neumann Schwarz Zimmermann Krüger Lange Groß Köhler Jäger Smith Johnson Williams "
    "Brown Jones Miller Davis Wilson Anderson Taylor Moore Jackson Martin Lee Thompson White "
    "Harris Clark Lewis Robinson Young Allen King Wright Scott Hill Green Adams Baker Nelson "
    "Carter Mitchell Roberts Phillips Evans Edwards Stewart Morris Rogers Cook Rivera Cooper "
    "O'Brien O'Connor McDonald MacLeod Smith-Jones Taylor-Brown Martin-Dupont Bernard Petit Durand "
    "Leroy Simon Laurent Michel Garnier Faure Rousseau Blanc Guérin Boyer Tanaka Suzuki Sato "
    "Takahashi Watanabe Ito Yamamoto Nakamura Kobayashi Kato Kumar Sharma Patel Singh Gupta Khan "
    "Ahmed Ali Hassan Hussein Benali Haddad Nguyen Trần Phạm Hoàng Wang Zhang Chen Liu Yang Huang "
    "Kowalski Nowak Wiśniewski Wójcik Hansen Nielsen Sørensen Ångström Lindström Bergström Nyström"
).split()
DOUBLE_SHARE = 0.35  # of people with two last names
